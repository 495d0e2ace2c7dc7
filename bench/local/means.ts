/** Figures of several runs as one. */
import { round } from './consortium.ts';

export const mean = (numbers: readonly number[]): number =>
  numbers.reduce((sum, number) => sum + number, 0) / numbers.length;

/** The mean of each figure, to one decimal place; all runs have the same ones. */
export function meansOf<Name extends string>(
  runs: readonly Readonly<Record<Name, number>>[],
): Record<Name, number> {
  const names = Object.keys(runs[0]!) as Name[];
  const entries = names.map((name) => [name, round(mean(runs.map((run) => run[name])))]);
  return Object.fromEntries(entries) as Record<Name, number>;
}
