/** What a run measured: how long commits stopped for each kind of fault, as the clients saw it. */
import type { Action, History } from './history.ts';

/** Gaps between acknowledged results during faults of one kind, milliseconds. */
export interface GapFigures {
  readonly count: number;
  readonly medianMs: number;
  readonly longestMs: number;
}

/** The longest time without an acknowledged result that overlaps a fault, its beginning to all nodes level. */
export function gapOf({ startedAt, levelAt }: Action, commitTimes: readonly number[]): number {
  let longest = 0;
  for (const [index, at] of commitTimes.entries()) {
    const before = commitTimes[index - 1];
    if (before === undefined || at < startedAt || before > levelAt) continue;
    longest = Math.max(longest, at - before);
  }
  return Math.round(longest);
}

/** Gaps by kind of fault. */
export function gapsByKind(history: History): Record<string, GapFigures> {
  const times = history.commitTimes();
  const gaps = new Map<string, number[]>();
  for (const action of history.actions) {
    gaps.set(action.kind, [...(gaps.get(action.kind) ?? []), gapOf(action, times)]);
  }
  const kinds = [...gaps].sort(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(
    kinds.map(([kind, list]) => {
      const sorted = list.sort((a, b) => a - b);
      return [
        kind,
        {
          count: sorted.length,
          medianMs: sorted[Math.floor(sorted.length / 2)]!,
          longestMs: sorted.at(-1)!,
        },
      ];
    }),
  );
}

/** The middle and the slow end of how long acknowledged calls took, milliseconds. */
export function latencies({ calls }: History): { readonly p50Ms: number; readonly p99Ms: number } {
  const sorted = calls
    .flatMap(({ calledAt, returned }) => (returned ? [returned.at - calledAt] : []))
    .sort((a, b) => a - b);
  const at = (part: number): number => Math.round(sorted[Math.floor(sorted.length * part)] ?? 0);
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}
