/** What a member used, as its administrators see it: from the ledger to the transaction, in time and in order. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { memoryLedgerUsageStore } from '../../node/memory/ledger-usage-store.ts';
import { memoryUsageStore } from '../../node/memory/usage-store.ts';
import { type Meter, meter } from '../../shared/api/meter.ts';
import { NO_TENANT_LIMITS } from '../../shared/api/tenant-limits.ts';
import type { LedgerUsageStore } from '../../shared/ports/ledger-usage-store.ts';
import { tallyUsage } from '../../shared/replica/ledger-usage.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';

let apis: NodeApis;
let meters: Record<string, Meter>;
let tallies: Record<string, LedgerUsageStore>;
before(async () => {
  const identities = [
    { member: 'alpha', name: 'user', roles: ['counter.user'] },
    { member: 'beta', name: 'user', roles: ['counter.user'] },
  ];
  const keyed = ['alpha/admin', 'alpha/user', 'beta/admin', 'beta/user'];
  apis = await openNodeApis(counterCatalog, identities, keyed);
  const limits = NO_TENANT_LIMITS;
  const open = () => meter({ store: memoryUsageStore(), limits, now: Date.now });
  meters = { alpha: open(), beta: open() };
  tallies = { alpha: memoryLedgerUsageStore(), beta: memoryLedgerUsageStore() };
});
after(() => apis.close());

const appOf = (member: string) =>
  apis.app(member, {
    meter: meters[member]!,
    usage: {
      tally: (isOver) => tallyUsage(apis.network.node(member).replica, tallies[member]!, isOver),
      ledger: tallies[member]!.read,
      storeBytes: async () => 4096,
    },
  });
const usage = (member: string, key = `${member}/admin`, query = '') =>
  appOf(member).request(`${BASE}/usage${query}`, {
    headers: { authorization: `Bearer ${apis.keys.get(key)}` },
  });
const raise = async (member: string, name: string, body: object) => {
  const response = await appOf(member).request(`${BASE}/counters/${name}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${apis.keys.get(`${member}/user`)}`,
    },
    body: JSON.stringify(body),
  });
  return json(response);
};

/** Bytes of transactions as they stand in the member's blocks. */
async function bytesOf(ids: readonly string[]): Promise<number> {
  const { replica } = apis.network.node('alpha');
  const { finalBlock, placeOf } = await import('../../shared/replica/history.ts');
  let bytes = 0;
  for (const id of ids) {
    const { height, index } = (await placeOf(replica, id as never))!;
    bytes += (await finalBlock(replica, height)).transactions[index]!.length;
  }
  return bytes;
}

test('each member’s transactions are counted for it, refused ones too, however they were sent', async () => {
  const ids: string[] = [];
  for (let count = 0; count < 3; count++) {
    ids.push((await raise('alpha', `own-${count}`, { by: 1 })).id);
  }
  ids.push((await raise('alpha', 'low', { by: 5, max: 3 })).id);
  await raise('beta', 'other', { by: 1 });
  // Signed by alpha's user, sent to beta's node without a key: it is alpha's.
  const jws = apis.network.signed('alpha/user', 'counter', 'raise', { name: 'elsewhere', by: 1 });
  const sent = await appOf('beta').request(`${BASE}/transactions`, {
    method: 'POST',
    headers: { 'content-type': 'application/jose', prefer: 'wait=10' },
    body: jws,
  });
  ids.push((await json(sent)).id);
  // The sender hears of it first; alpha follows.
  const { replica } = apis.network.node('alpha');
  const { until } = await import('../support/until.ts');
  const { height } = apis.network.node('beta').replica.head.header;
  await until(() => replica.head.header.height! >= height!);
  const body = await json(await usage('alpha'));
  assert.deepEqual([body.total.committed, body.total.refused], [4, 1]);
  assert.equal(body.total.bytes, await bytesOf(ids));
  assert.equal(body.days.at(-1).storedBytes, body.total.bytes);
  assert.deepEqual([body.member, body.storeBytes], ['alpha', 4096]);
  assert.equal(body.ledger.complete, true);
  // Requests as this node served them: four calls, this one, and no read of another's.
  assert.equal(body.total.transactions, 4);
  assert.ok(body.total.requests >= 4);
  const other = await json(await usage('beta'));
  assert.deepEqual([other.total.committed, other.total.refused], [1, 0]);
});

test('the count goes on from where it was, and comes to the same whoever counts and however often', async () => {
  const { replica } = apis.network.node('alpha');
  await raise('alpha', 'again', { by: 1 });
  const stepwise = memoryLedgerUsageStore();
  for (let call = 0; ; call++) {
    let turns = 0;
    const { to, head } = await tallyUsage(replica, stepwise, () => turns++ > 1);
    if (to === head) break;
    assert.ok(call < 1000, 'it comes to an end');
  }
  const before = await tallies.alpha!.newest();
  await Promise.all([1, 2, 3].map(() => tallyUsage(replica, tallies.alpha!, () => false)));
  const newest = await tallies.alpha!.newest();
  assert.deepEqual(await stepwise.newest(), newest);
  assert.equal(newest!.committed, before!.committed + 1);
  assert.equal(newest!.height, replica.head.header.height);
});

test('only the member’s administrators see it', async () => {
  assert.equal((await usage('alpha', 'alpha/user')).status, 403);
  assert.equal((await usage('alpha', 'beta/admin')).status, 403);
  assert.equal((await appOf('alpha').request(`${BASE}/usage`)).status, 401);
});

test('a range is days, not too many, and shows nothing outside of it', async () => {
  for (const query of ['?from=yesterday', '?from=2026-02-30', '?to=2020-01-01&from=2021-01-01']) {
    assert.equal((await usage('alpha', 'alpha/admin', query)).status, 400, query);
  }
  assert.equal((await usage('alpha', 'alpha/admin', '?from=2000-01-01')).status, 400);
  const past = await json(await usage('alpha', 'alpha/admin', '?from=2020-01-01&to=2020-12-31'));
  assert.deepEqual([past.days, past.total.committed], [[], 0]);
});
