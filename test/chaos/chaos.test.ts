/**
 * About two minutes of `npm run chaos`: real processes under load, every kind of fault once. What is
 * checked is in `reckoning.ts`; the same seed does the same again: `npm run chaos -- --seed 4 --minutes 2`.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chaos } from './run.ts';

const SEED = 4;

describe('a consortium of real processes under chaos', () => {
  it('keeps every promise that it made to anybody', async (t) => {
    const summary = await chaos({
      seed: SEED,
      seconds: 115,
      clients: 4,
      thinkMs: 300,
      port: 18_450,
    });
    t.diagnostic(JSON.stringify(summary));
    assert.deepEqual(summary.violations, []);
    assert.ok(summary.acknowledged > 100, `${summary.acknowledged} results were acknowledged`);
    assert.equal(summary.receipts, 4 * summary.transactions);
    assert.ok(summary.events > 30, `${summary.events} events`);
    assert.ok(summary.faults >= 8, `${summary.faults} faults`);
    assert.ok(summary.reads > 50, `${summary.reads} reads`);
  });
});
