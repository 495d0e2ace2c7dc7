/** Limits in virtual time: the rate, over environments that share no memory; quotas, to the last one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { memoryUsageStore } from '../../node/memory/usage-store.ts';
import { type Meter, type MeterOptions, meter } from '../../shared/api/meter.ts';
import { NO_TENANT_LIMITS, type TenantLimits } from '../../shared/api/tenant-limits.ts';
import { tokenBuckets } from '../../shared/api/token-bucket.ts';
import type { UsageStore } from '../../shared/ports/usage-store.ts';

const NOON = Date.UTC(2026, 0, 1, 12);

/** A meter on a clock that the test moves. */
function open(limits: Partial<TenantLimits>, more: Partial<MeterOptions> = {}) {
  const clock = { now: NOON };
  const store = memoryUsageStore();
  const all = { ...NO_TENANT_LIMITS, ...limits };
  const own = meter({ store, limits: all, now: () => clock.now, ...more });
  return { clock, store, own };
}

const day = async (store: UsageStore, tenant = 'a', name = '2026-01-01') =>
  (await store.read(tenant, name, name))[0];

test('no stretch of time lets through more than a burst and its rate', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50 }),
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 }),
      (rate, burst, pauses) => {
        const buckets = tokenBuckets(rate, burst);
        const passed: number[] = [];
        let now = NOON;
        for (const pause of pauses) {
          now += pause;
          const freesAt = buckets.take('a', now);
          if (freesAt === null) passed.push(now);
          else assert.ok(freesAt > now && freesAt - now <= 1000 / rate + 1);
        }
        for (const [index, from] of passed.entries()) {
          for (let last = index; last < passed.length; last++) {
            const most = burst + ((passed[last]! - from) / 1000) * rate;
            assert.ok(last - index + 1 <= most + 1e-6);
          }
        }
      },
    ),
  );
});

test('who waits until the time that was named is let through', () => {
  const { own, clock } = open({ requestsPerSecond: 4, burst: 2 });
  assert.deepEqual([own.admit('a'), own.admit('a')], [undefined, undefined]);
  const reached = own.admit('a')!;
  assert.deepEqual([reached.name, reached.value], ['requestsPerSecond', 4]);
  clock.now = reached.freesAt! - 1;
  assert.ok(own.admit('a'));
  clock.now = reached.freesAt!;
  assert.equal(own.admit('a'), undefined);
});

test('one tenant’s flood takes nothing of another’s', async () => {
  const { own } = open({ requestsPerSecond: 1, burst: 5, transactionsPerDay: 3 });
  for (let count = 0; count < 1000; count++) {
    own.admit('flood');
    await own.transaction('flood', 10);
  }
  for (let count = 0; count < 5; count++) assert.equal(own.admit('calm'), undefined);
  for (let count = 0; count < 3; count++)
    assert.equal(await own.transaction('calm', 10), undefined);
});

/** Environments of one node that take a flood's requests in turn, for `seconds`; answers how many passed. */
async function flood(environments: readonly Meter[], clock: { now: number }, seconds: number) {
  let passed = 0;
  const end = clock.now + seconds * 1000;
  for (let turn = 0; clock.now < end; turn++, clock.now += 2) {
    const one = environments[turn % environments.length]!;
    if (one.admit('a')) continue;
    passed++;
    await one.read('a');
  }
  return passed;
}

test('environments without common memory hold one rate together', async () => {
  const [rate, burst, together, count] = [20, 40, 8, 10];
  const clock = { now: NOON };
  const store = memoryUsageStore();
  const limits = { ...NO_TENANT_LIMITS, requestsPerSecond: rate, burst };
  const environments = Array.from({ length: count }, () =>
    meter({ store, limits, now: () => clock.now, readsTogether: together }),
  );
  // Each brings a full bucket of its own and what it has not told yet; then the rate is what remains.
  const started = await flood(environments, clock, 60);
  assert.ok(started <= 60 * rate + count * (burst + together), `${started} in the first minute`);
  const then = await flood(environments, clock, 600);
  assert.ok(then <= 600 * rate * 1.1 + burst, `${then} in ten minutes`);
  assert.ok(then >= 600 * rate * 0.7, `${then} in ten minutes: the limit can be used`);
});

test('slow traffic over many environments is never refused', async () => {
  const clock = { now: NOON };
  const store = memoryUsageStore();
  const limits = { ...NO_TENANT_LIMITS, requestsPerSecond: 10, burst: 10 };
  const environments = Array.from({ length: 7 }, () =>
    meter({ store, limits, now: () => clock.now, readsTogether: 4 }),
  );
  for (let turn = 0; turn < 5000; turn++, clock.now += 125) {
    const one = environments[turn % 7]!;
    assert.equal(one.admit('a'), undefined, `request ${turn} at 8 a second`);
    await one.read('a');
  }
});

test('a day takes its transactions to the last one, however they come, and the next day begins anew', async () => {
  const { own, store, clock } = open({ transactionsPerDay: 250 });
  const charges = await Promise.all(Array.from({ length: 400 }, () => own.transaction('a', 10)));
  assert.equal(charges.filter((reached) => !reached).length, 250);
  assert.ok(
    charges.slice(0, 250).every((reached) => !reached),
    'who came first',
  );
  const reached = charges.at(-1)!;
  assert.deepEqual([reached.name, reached.value], ['transactionsPerDay', 250]);
  assert.equal(reached.freesAt, Date.UTC(2026, 0, 2));
  assert.deepEqual([(await day(store))!.transactions, (await day(store))!.bytesIn], [250, 2500]);
  clock.now = reached.freesAt! - 1;
  assert.ok(await own.transaction('a', 10));
  clock.now = reached.freesAt!;
  assert.equal(await own.transaction('a', 10), undefined);
});

test('two environments share one quota', async () => {
  const { own, store, clock } = open({ transactionsPerDay: 100 });
  const limits = { ...NO_TENANT_LIMITS, transactionsPerDay: 100 };
  const other = meter({ store, limits, now: () => clock.now });
  const charges = await Promise.all(
    Array.from({ length: 150 }, (_, index) => (index % 2 ? own : other).transaction('a', 1)),
  );
  assert.equal(charges.filter((reached) => !reached).length, 100);
});

test('stored bytes bind over days; what still fits is taken', async () => {
  const { own, clock } = open({ storedBytes: 1000 });
  assert.equal(await own.transaction('a', 900), undefined);
  clock.now += 3 * 24 * 3600 * 1000;
  const [large, small] = await Promise.all([own.transaction('a', 200), own.transaction('a', 100)]);
  assert.deepEqual([large!.name, large!.value, large!.freesAt], ['storedBytes', 1000, null]);
  assert.equal(small, undefined);
  assert.ok(await own.transaction('a', 1));
});

test('a file counts by its bytes and is no transaction; what is given back makes room', async () => {
  const { own, store } = open({ storedBytes: 1000, transactionsPerDay: 1 });
  assert.equal(await own.transaction('a', 100), undefined);
  assert.equal(await own.file('a', 900), undefined);
  const reached = await own.file('a', 1);
  assert.deepEqual([reached!.name, reached!.freesAt], ['storedBytes', null]);
  own.giveBack('a', 900, 'file');
  // The store hears of it with the next.
  assert.equal(await own.file('a', 900), undefined);
  const { transactions, bytesIn } = (await day(store))!;
  assert.deepEqual([transactions, bytesIn], [1, 1000]);
});

test('a store that fails stops nobody, and what it missed is counted with the next', async () => {
  const store = memoryUsageStore();
  let fails = true;
  const faults: unknown[] = [];
  const flaky: UsageStore = {
    ...store,
    add: async (...args) => {
      if (fails) throw new Error('throttled');
      return store.add(...args);
    },
  };
  const { own } = open({}, { store: flaky, onFault: (error) => faults.push(error) });
  own.admit('a');
  assert.equal(await own.transaction('a', 10), undefined);
  assert.equal(faults.length, 1);
  fails = false;
  own.admit('a');
  assert.equal(await own.transaction('a', 10), undefined);
  const { requests, transactions, bytesIn } = (await day(store))!;
  assert.deepEqual([requests, transactions, bytesIn], [2, 2, 20]);
});
