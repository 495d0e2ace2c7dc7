import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitPreference } from '../../shared/api/prefer.ts';

test('a wait is read in seconds and bounded', () => {
  assert.deepEqual(waitPreference('wait=10', 0), { waitMs: 10_000, applied: 'wait=10' });
  assert.deepEqual(waitPreference('Wait = "3"', 0), { waitMs: 3000, applied: 'wait=3' });
  assert.deepEqual(waitPreference('wait=900', 0), { waitMs: 25_000, applied: 'wait=25' });
  assert.deepEqual(waitPreference('return=minimal, wait=2; x=y', 0), {
    waitMs: 2000,
    applied: 'wait=2',
  });
});

test('respond-async asks for no wait', () => {
  assert.deepEqual(waitPreference('respond-async', 25_000), {
    waitMs: 0,
    applied: 'respond-async',
  });
  assert.deepEqual(waitPreference('respond-async, wait=5', 25_000).waitMs, 0);
});

test('what is unknown or malformed is ignored', () => {
  for (const header of [null, '', ',', 'wait', 'wait=', 'wait=-1', 'wait=1.5', 'wait=soon']) {
    assert.deepEqual(waitPreference(header, 700), { waitMs: 700 }, String(header));
  }
});
