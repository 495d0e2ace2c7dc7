import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { notAfterCandidates } from '../../shared/replica/idempotent.ts';

const WINDOW = 600_000;
const now = fc.integer({ min: 1_700_000_000_000, max: 2_000_000_000_000 });

test('a repeat within three windows finds the time of the first call', () => {
  fc.assert(
    fc.property(now, fc.integer({ min: 0, max: 3 * WINDOW }), (first, later) => {
      const time = notAfterCandidates(first, WINDOW)[0]!;
      assert.ok(notAfterCandidates(first + later, WINDOW).includes(time));
    }),
  );
});

test('the newest time lies a quarter to half of the window ahead', () => {
  fc.assert(
    fc.property(now, (at) => {
      const ahead = notAfterCandidates(at, WINDOW)[0]! - at;
      assert.ok(ahead > WINDOW / 4 && ahead <= WINDOW / 2);
    }),
  );
});

test('the smallest window and the beginning of time have times too', () => {
  assert.deepEqual(notAfterCandidates(0, 1).slice(0, 2), [2, 1]);
});
