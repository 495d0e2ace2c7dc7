/**
 * The chain of service calls that a caller's answer waited for: back from the answer, each time the call
 * that ended last before, into the function that it invoked where it is an invocation.
 */
import type { Invocation } from './usage-log.ts';

export interface PathStep {
  /** Which member's function made the call. */
  readonly by: string;
  readonly call: string;
  readonly ms: number;
}

interface Span {
  readonly who: string;
  readonly from: number;
  readonly to: number;
  readonly calls: readonly { readonly name: string; readonly from: number; readonly to: number }[];
}

/** The path that ends with the outermost function's answer. */
export function criticalPath(invocations: readonly Invocation[]): PathStep[] {
  const spans = invocations.flatMap(({ name, member, usage }): Span[] => {
    const { from, ms, calls = [] } = usage;
    if (from === undefined) return [];
    const who = member ? `${member} ${name}` : name;
    const spans = calls.map(([call, start, end]) => ({ name: call, from: start, to: end }));
    return [{ who, from, to: from + ms, calls: spans }];
  });
  const outermost = spans
    .filter(({ who }) => who === 'gateway')
    .sort((a, b) => b.to - b.from - (a.to - a.from))[0];
  return outermost ? pathIn(outermost, outermost.from, outermost.to, spans).reverse() : [];
}

/** Steps of a function between two times, the last first. */
function pathIn(span: Span, from: number, to: number, spans: readonly Span[]): PathStep[] {
  const steps: PathStep[] = [];
  for (let at = to; ; ) {
    const last = span.calls
      .filter((call) => call.to <= at && call.from >= from)
      .sort((a, b) => b.to - a.to || b.from - a.from)[0];
    if (!last) return steps;
    if (last.name === 'Invoke') {
      const inner = spans
        .filter((other) => other !== span && other.from >= last.from - 2 && other.to <= last.to + 2)
        // Of those that it may have invoked, the one that answered last.
        .sort((a, b) => b.to - a.to)[0];
      if (inner) steps.push(...pathIn(inner, inner.from, inner.to, spans));
    }
    steps.push({ by: span.who, call: last.name, ms: last.to - last.from });
    at = last.from;
  }
}
