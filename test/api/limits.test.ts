/** Limits as callers of a node's and a gateway's API meet them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { memoryUsageStore } from '../../node/memory/usage-store.ts';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { meter } from '../../shared/api/meter.ts';
import { parseApiKey } from '../../shared/api/tenant.ts';
import { NO_TENANT_LIMITS, type TenantLimits } from '../../shared/api/tenant-limits.ts';
import { tokenBuckets } from '../../shared/api/token-bucket.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';

let apis: NodeApis;
before(async () => {
  const identities = [{ member: 'alpha', name: 'user', roles: ['counter.user'] }];
  apis = await openNodeApis(counterCatalog, identities, ['alpha/user', 'beta/admin']);
});
after(() => apis.close());

const as = (name: string) => ({ authorization: `Bearer ${apis.keys.get(name)}` });

/** A node's API with limits, on a clock that the test moves. */
function limited(limits: Partial<TenantLimits>) {
  const clock = { now: Date.UTC(2026, 0, 1, 23, 59, 30) };
  const store = memoryUsageStore();
  const all = { ...NO_TENANT_LIMITS, ...limits };
  const app = apis.app('alpha', { meter: meter({ store, limits: all, now: () => clock.now }) });
  const get = (headers: Record<string, string> = {}) => app.request(`${BASE}/blocks`, { headers });
  const raise = (name: string) =>
    app.request(`${BASE}/counters/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...as('alpha/user') },
      body: '{"by": 1}',
    });
  return { app, clock, store, get, raise };
}

test('a tenant that is too fast gets 429 with the time to come back; others go on', async () => {
  const { get, clock } = limited({ requestsPerSecond: 0.5, burst: 2 });
  for (let count = 0; count < 2; count++) assert.equal((await get(as('alpha/user'))).status, 200);
  const refused = await get(as('alpha/user'));
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('content-type'), 'application/problem+json');
  assert.equal(refused.headers.get('retry-after'), '2');
  const body = await json(refused);
  assert.deepEqual([body.code, body.retry], ['rate-limited', 'same']);
  const freesAt = new Date(clock.now + 2000).toISOString();
  assert.deepEqual(body.limit, { name: 'requestsPerSecond', value: 0.5, freesAt });
  assert.equal((await get(as('beta/admin'))).status, 200);
  assert.equal((await get()).status, 200, 'who has no key');
  clock.now += 2000;
  assert.equal((await get(as('alpha/user'))).status, 200);
});

test('a wrong key uses up nothing of the tenant whose name it carries', async () => {
  const { get } = limited({ requestsPerSecond: 0.1, burst: 1 });
  const wrong = { authorization: `${as('alpha/user').authorization.slice(0, -4)}AAAA` };
  for (let count = 0; count < 10; count++) assert.equal((await get(wrong)).status, 401);
  assert.equal((await get(as('alpha/user'))).status, 200);
});

test('a used up day refuses transactions until midnight, and reads go on', async () => {
  const { get, raise, clock } = limited({ transactionsPerDay: 2 });
  for (let count = 0; count < 2; count++) assert.equal((await raise(`day-${count}`)).status, 200);
  const refused = await raise('day-2');
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '30']);
  const body = await json(refused);
  assert.equal(body.code, 'quota-exceeded');
  const freesAt = '2026-01-02T00:00:00.000Z';
  assert.deepEqual(body.limit, { name: 'transactionsPerDay', value: 2, freesAt });
  assert.equal((await get(as('alpha/user'))).status, 200);
  clock.now += 30_000;
  assert.equal((await raise('day-2')).status, 200);
});

test('stored bytes that are used up are refused as what waiting does not change', async () => {
  const { raise } = limited({ storedBytes: 30 });
  assert.equal((await raise('a')).status, 200);
  const body = await json(await raise('b'));
  assert.deepEqual([body.code, body.retry, body.limit.freesAt], ['quota-exceeded', 'none', null]);
});

test('what is refused before it is a transaction uses up no quota', async () => {
  const { app, raise, store } = limited({ transactionsPerDay: 1 });
  const malformed = await app.request(`${BASE}/transactions`, {
    method: 'POST',
    headers: { 'content-type': 'application/jose', ...as('alpha/user') },
    body: 'no transaction',
  });
  assert.equal(malformed.status, 400);
  assert.equal((await raise('still')).status, 200);
  const [usage] = await store.read('alpha', '2026-01-01', '2026-01-01');
  assert.deepEqual([usage!.transactions, usage!.requests, usage!.reads], [1, 2, 0]);
});

test('in a batch the lines that are too many fail alone', async () => {
  const { app } = limited({ transactionsPerDay: 3 });
  const lines = Array.from({ length: 5 }, (_, index) =>
    apis.network.signed('alpha/user', 'counter', 'raise', { name: `batch-${index}`, by: 1 }),
  );
  const response = await app.request(`${BASE}/transactions/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', prefer: 'wait=10', ...as('alpha/user') },
    body: lines.join('\n'),
  });
  const results = (await response.text()).trim().split('\n');
  const parsed = results.map((line) => JSON.parse(line));
  assert.deepEqual(
    parsed.map(({ status }) => status),
    ['committed', 'committed', 'committed', 'refused', 'refused'],
  );
  assert.equal(parsed[3].problem.limit.name, 'transactionsPerDay');
});

test('a gateway that knows the keys holds the rate before a node is asked', async () => {
  const asked: string[] = [];
  const gateway = gatewayApp({
    consortium: 'demo',
    members: [
      { id: 'alpha', endpoint: 'https://alpha' },
      { id: 'beta', endpoint: 'https://beta' },
    ],
    keys: {
      find: (token) => {
        const key = parseApiKey(token);
        const isKnown = [...apis.keys.values()].includes(token);
        return key && isKnown ? { member: key.member, identity: 'x', keyId: key.keyId } : undefined;
      },
    },
    rate: { requestsPerSecond: 0.01, buckets: tokenBuckets(0.01, 2) },
    fetch: async (input) => {
      asked.push(new URL(String(input)).hostname);
      return Response.json({});
    },
  });
  const get = (name: string) => gateway.request(`${BASE}/blocks`, { headers: as(name) });
  const statuses = [];
  for (let count = 0; count < 4; count++) statuses.push((await get('alpha/user')).status);
  assert.deepEqual(statuses, [200, 200, 429, 429]);
  assert.equal((await get('beta/admin')).status, 200);
  assert.deepEqual(asked, ['alpha', 'alpha', 'beta']);
});
