/** Sweeps of seeds as tests: a failure names its seed, and `npm run simulate` replays it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadWith } from './patches.ts';

export interface Sweep {
  readonly replicas: number;
  readonly from: number;
  readonly seeds: number;
}

/** Defines one test a sweep. Half of the seeds run every input from durable state only. */
export function describeSweeps(sweeps: readonly Sweep[]): void {
  describe('a simulated network', async () => {
    loadWith([]);
    const { simulate } = await import('./run.ts');
    for (const { replicas, from, seeds } of sweeps) {
      it(`of ${replicas} keeps every promise over ${seeds} seeds from ${from}`, async () => {
        const sums = { acknowledged: 0, commits: 0, evidence: 0 };
        for (let seed = from; seed < from + seeds; seed++) {
          const run = await simulate(seed, replicas).catch((error: Error) => {
            const replay = `npm run simulate -- --seed ${seed} --replicas ${replicas}`;
            throw new Error(`${replay}: ${error.message}`, { cause: error });
          });
          sums.acknowledged += run.acknowledged;
          sums.commits += run.commits;
          sums.evidence += run.faults.evidence ?? 0;
        }
        assert.ok(sums.acknowledged > seeds, 'the runs commit something even in bad times');
        assert.ok(sums.commits > 2 * seeds);
        if (replicas > 3) assert.ok(sums.evidence > 0, 'who signs twice is noticed');
      });
    }
  });
}
