/**
 * Whole networks under one seeded scheduler with virtual time: lost, late and repeated messages,
 * partitions, crashes at any port call with torn writes. A failure names its seed:
 * `npm run simulate -- --seed S --replicas n` replays it.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { simulate } from './run.ts';

const SWEEPS = [
  { replicas: 1, seeds: 6 },
  { replicas: 3, seeds: 8 },
  { replicas: 4, seeds: 50 },
  { replicas: 5, seeds: 10 },
  { replicas: 7, seeds: 16 },
];

describe('a simulated network', () => {
  for (const { replicas, seeds } of SWEEPS) {
    it(`of ${replicas} keeps every invariant over ${seeds} seeds, and ends what it accepted`, async () => {
      let acknowledged = 0;
      let evidence = 0;
      for (let seed = 1; seed <= seeds; seed++) {
        const name = `seed ${seed} of ${replicas} replicas`;
        const run = await simulate(seed, replicas).catch((error: Error) => {
          throw new Error(`${name}: ${error.message}`, { cause: error });
        });
        acknowledged += run.acknowledged;
        evidence += run.faults.evidence ?? 0;
      }
      assert.ok(acknowledged > seeds, 'the runs commit something even in bad times');
      if (replicas > 3) assert.ok(evidence > 0, 'who signs twice is noticed');
    });
  }

  it('is a function of its seed', async () => {
    assert.deepEqual(await simulate(7, 4), await simulate(7, 4));
  });
});
