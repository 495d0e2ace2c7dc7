/**
 * Whole networks under one seeded scheduler with virtual time, of four validators: see `plan.ts` for
 * what goes wrong in them.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { describeSweeps } from './sweep.ts';

describeSweeps([
  { replicas: 4, from: 1, seeds: 400 },
  { replicas: 4, from: 401, seeds: 400 },
  { replicas: 4, from: 801, seeds: 300 },
]);

it('a simulated network is a function of its seed', async () => {
  const { simulate } = await import('./run.ts');
  for (const seed of [6, 7]) {
    const lines: string[][] = [[], []];
    for (const trace of lines) await simulate(seed, 4, { trace: (line) => trace.push(line) });
    // Signatures are random, and blocks are named by what they hold.
    const [once, again] = lines.map((trace) => trace.join('\n').replace(/[0-9a-f]{8,}/g, '…'));
    assert.equal(once, again);
  }
});
