/**
 * Whole networks under one seeded scheduler with virtual time, of four validators: see `plan.ts` for
 * what goes wrong in them.
 */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { loadWith } from './patches.ts';
import { describeSweeps } from './sweep.ts';

describeSweeps([
  { replicas: 4, from: 1, seeds: 480 },
  { replicas: 4, from: 481, seeds: 480 },
  { replicas: 4, from: 961, seeds: 460 },
]);

it('a simulated network is a function of its seed', async () => {
  loadWith([]);
  const { simulate } = await import('./run.ts');
  for (const seed of [6, 7]) {
    const lines: string[][] = [[], []];
    for (const trace of lines) await simulate(seed, 4, { trace: (line) => trace.push(line) });
    // Signatures are random, and blocks are named by what they hold.
    const [once, again] = lines.map((trace) => trace.join('\n').replace(/[0-9a-f]{8,}/g, '…'));
    assert.equal(once, again);
  }
});
