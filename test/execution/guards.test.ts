import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DeterminismError, guarded } from '../../shared/execution/guards.ts';

const FORBIDDEN: Readonly<Record<string, () => unknown>> = {
  'the clock': () => Date.now(),
  'a date': () => new Date(),
  'the performance clock': () => performance.now(),
  randomness: () => Math.random(),
  'web crypto': () => crypto.getRandomValues(new Uint8Array(1)),
  'the environment': () => process.env,
  'the network': () => fetch('http://127.0.0.1'),
  timers: () => setTimeout(() => {}, 0),
  microtasks: () => queueMicrotask(() => {}),
  'a locale': () => [1].toLocaleString(),
  'a locale’s order': () => 'a'.localeCompare('b'),
  'number formats': () => new Intl.NumberFormat(),
  'floating-point functions that engines differ in': () => Math.sin(1),
  'the clock behind a new function': () => Function('return Date.now()')(),
  'the clock behind globalThis': () => globalThis.Date.now(),
};

describe('contract code', () => {
  for (const [what, reach] of Object.entries(FORBIDDEN)) {
    it(`can't reach ${what}, and everybody else can afterwards`, () => {
      assert.throws(() => guarded(reach), DeterminismError);
      assert.doesNotThrow(() => {
        const result = reach();
        if (result instanceof Promise) result.catch(() => {});
      });
    });
  }

  it('gets its result, and nested runs stay guarded', () => {
    assert.equal(
      guarded(() => guarded(() => Math.floor(7.5))),
      7,
    );
    assert.throws(
      () =>
        guarded(() => {
          guarded(() => 1);
          return Date.now();
        }),
      DeterminismError,
    );
  });
});
