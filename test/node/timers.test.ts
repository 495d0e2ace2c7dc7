/** The law of `shared/ports/time.ts` on the system's clock. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { timers } from '../../node/timers.ts';
import { until } from '../support/until.ts';

const WAITED = { rings: 0, height: 0, round: 1 };

test('the alarm rings once, not before its time', async () => {
  const rings: number[] = [];
  const time = timers(() => rings.push(Date.now()));
  const at = time.now() + 30;
  time.alarm(at, WAITED);
  await until(() => rings.length > 0);
  assert.ok(rings[0]! >= at);
  await new Promise((resolve) => time.after(40, () => resolve(undefined)));
  assert.equal(rings.length, 1);
});

test('a later call replaces an earlier one, and null cancels', async () => {
  let rings = 0;
  const time = timers(() => rings++);
  time.alarm(time.now() + 5, WAITED);
  time.alarm(time.now() + 3_600_000, WAITED);
  await new Promise((resolve) => time.after(20, () => resolve(undefined)));
  assert.equal(rings, 0);
  time.alarm(time.now() + 5, WAITED);
  time.alarm(null, WAITED);
  await new Promise((resolve) => time.after(20, () => resolve(undefined)));
  assert.equal(rings, 0);
  time.alarm(time.now() - 1000, WAITED);
  await until(() => rings === 1);
});

test('an alarm further off than setTimeout can count does not ring at once', async () => {
  let rings = 0;
  const time = timers(() => rings++);
  time.alarm(time.now() + 2 ** 40, WAITED);
  await new Promise((resolve) => time.after(20, () => resolve(undefined)));
  assert.equal(rings, 0);
  time.stop();
});

test('after stop nothing rings and no wait ends', async () => {
  let calls = 0;
  const time = timers(() => calls++);
  time.alarm(time.now() + 5, WAITED);
  time.after(5, () => calls++);
  time.stop();
  time.alarm(time.now(), WAITED);
  time.after(0, () => calls++);
  await new Promise((resolve) => setTimeout(resolve, 25));
  assert.equal(calls, 0);
});

test('a wait that is cancelled does not end', async () => {
  let calls = 0;
  const time = timers(() => {});
  time.after(5, () => calls++)();
  await new Promise((resolve) => time.after(20, () => resolve(undefined)));
  assert.equal(calls, 0);
});
