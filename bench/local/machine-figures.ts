/** What a virtual machine got of its processors (proc(5), /proc/stat). */
import { readFileSync } from 'node:fs';

/** Ticks since the machine started. */
export interface MachineTimes {
  readonly all: number;
  /** In which something here was to run, and the host ran something else. */
  readonly stolen: number;
}

export function machineTimes(): MachineTimes {
  const [first = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const ticks = first.trim().split(/\s+/).slice(1, 9).map(Number);
  return { all: ticks.reduce((sum, value) => sum + value, 0), stolen: ticks[7] ?? 0 };
}

export const stolenPercent = (before: MachineTimes, after: MachineTimes): number =>
  Math.round((100 * (after.stolen - before.stolen)) / Math.max(1, after.all - before.all));
