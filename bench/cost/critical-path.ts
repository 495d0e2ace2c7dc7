/**
 * The chain of service calls that an invocation waited for: back from its end, each time the call that
 * ended last before, into the function that it invoked where it is an invocation. And how long the same
 * chain would take on AWS.
 */
import type { Invocation } from './usage-log.ts';

export interface PathStep {
  /** Which member's function made the call. */
  readonly by: string;
  readonly call: string;
  readonly ms: number;
}

interface Call {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}
interface Span {
  readonly who: string;
  readonly memoryMiB: number;
  readonly cpuMs: number;
  readonly from: number;
  readonly to: number;
  readonly calls: readonly Call[];
}

/** Latencies on AWS, ms: round figures from memory; `docs/performance.md` says so. */
export const AWS_MS = {
  dynamodb: 5,
  sign: 12,
  invoke: 12,
  handOver: 12,
  sqs: 8,
  other: 10,
} as const;
/** A function with so much memory has one virtual CPU. */
const MIB_OF_CPU = 1769;

function spanOf({ name, member, usage }: Invocation): Span {
  const { from = 0, ms, memoryMiB, cpuMs, calls = [] } = usage;
  return {
    who: member ? `${member} ${name}` : name,
    memoryMiB,
    cpuMs,
    from,
    to: from + ms,
    calls: calls.map(([call, start, end]) => ({ name: call, from: start, to: end })),
  };
}

/** The path that ends with the outermost function's answer, the first step first. */
export function criticalPath(invocations: readonly Invocation[]): PathStep[] {
  const spans = invocations.map(spanOf);
  const gateways = spans.filter(({ who }) => who === 'gateway');
  const outermost = gateways.sort((a, b) => b.to - b.from - (a.to - a.from))[0];
  return outermost ? stepsOf(outermost, spans) : [];
}

function stepsOf(span: Span, spans: readonly Span[]): PathStep[] {
  return chainOf(span).flatMap((call) => {
    const inner = call.name === 'Invoke' ? invokedBy(call, span, spans) : undefined;
    const step = { by: span.who, call: call.name, ms: call.to - call.from };
    return [step, ...(inner ? stepsOf(inner, spans) : [])];
  });
}

/** The calls that followed each other, the first one first. */
function chainOf({ calls, from, to }: Span): Call[] {
  const chain: Call[] = [];
  // Ends are whole milliseconds, so the invocation's own may lie one before its last call's.
  for (let at = to + 2; ; ) {
    const [last] = calls
      .filter((call) => call.to <= at && call.from >= from - 2 && call.from < at)
      .sort((a, b) => b.to - a.to || b.from - a.from);
    if (!last) return chain.reverse();
    chain.push(last);
    at = last.from;
  }
}

/** Of the invocations that a call may have made, the one that answered last. */
const invokedBy = (call: Call, span: Span, spans: readonly Span[]): Span | undefined =>
  spans
    .filter((other) => other !== span && other.from >= call.from - 2 && other.to <= call.to + 2)
    .sort((a, b) => b.to - a.to)[0];

/** How long an invocation would take on AWS, ms, at its own CPU's share. */
export function projectedMs(invocation: Invocation, all: readonly Invocation[]): number {
  return projected(spanOf(invocation), all.map(spanOf));
}

function projected(span: Span, spans: readonly Span[]): number {
  const waited = chainOf(span).reduce((sum, call) => {
    const inner = call.name === 'Invoke' ? invokedBy(call, span, spans) : undefined;
    // What it invoked began and ended within the call, so this ends.
    return sum + latencyOf(call) + (inner ? projected(inner, spans) : 0);
  }, 0);
  return Math.ceil(waited + (span.cpuMs * MIB_OF_CPU) / Math.min(MIB_OF_CPU, span.memoryMiB));
}

function latencyOf({ name }: Call): number {
  if (name === 'Sign') return AWS_MS.sign;
  if (name === 'Invoke') return AWS_MS.invoke;
  if (name === 'SendMessage') return AWS_MS.sqs;
  return name.includes(':') ? AWS_MS.dynamodb : AWS_MS.other;
}
