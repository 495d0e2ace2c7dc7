/** 429 `mempool-full` in each way in which a caller can meet it: signed, custodial, in a batch, by the gateway. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { memoryUsageStore } from '../../node/memory/usage-store.ts';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { dayOf, meter } from '../../shared/api/meter.ts';
import { NO_TENANT_LIMITS } from '../../shared/api/tenant-limits.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, json, MEMBERS, type NodeApis, openNodeApis } from '../support/node-api.ts';
import { until } from '../support/until.ts';

const ROOM = 90;
let apis: NodeApis;
let app: ReturnType<NodeApis['app']>;
const store = memoryUsageStore();
const accepted: string[] = [];

before(async () => {
  const identities = ['alpha', 'beta'].map((member) => ({
    ...{ member, name: 'user', roles: ['counter.user'] },
  }));
  const mempoolLimits = { transactionsMax: ROOM, bytesMax: 1_000_000 };
  apis = await openNodeApis(counterCatalog, identities, ['alpha/user', 'beta/user'], {
    mempoolLimits,
  });
  const limits = { ...NO_TENANT_LIMITS, transactionsPerDay: 1000 };
  app = apis.app('alpha', { meter: meter({ store, limits, now: Date.now }) });
  // Nothing is committed with two of four: what is accepted waits.
  for (const member of ['gamma', 'delta']) apis.network.stop(member);
});
after(() => apis.close());

type Send = (path: string, init: RequestInit) => Response | Promise<Response>;
const toNode: Send = (path, init) => app.request(path, init);
const authorization = (name: string): string => `Bearer ${apis.keys.get(name)}`;
const signed = (name: string): string =>
  apis.network.signed(name, 'counter', 'raise', { name: 'x', by: 1 });

const postSigned = (name: string, send = toNode) =>
  send(`${BASE}/transactions`, {
    method: 'POST',
    headers: { 'content-type': 'application/jose', authorization: authorization('alpha/user') },
    body: signed(name),
  });
const call = (name: string, send = toNode) =>
  send(`${BASE}/counters/x`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      prefer: 'wait=0',
      authorization: authorization(name),
    },
    body: '{"by": 1}',
  });

async function isFull(response: Response): Promise<void> {
  const problem = await json(response);
  assert.deepEqual(
    [response.status, problem.type, problem.code, problem.retry],
    [429, 'https://fuqi.dev/problems/mempool-full', 'mempool-full', 'same'],
    JSON.stringify(problem),
  );
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  assert.match(response.headers.get('retry-after') ?? '', /^([1-9]|[12][0-9]|30)$/);
  assert.equal(problem.limit.name, 'keyTransactionsWaiting');
  assert.ok(Date.parse(problem.limit.freesAt) > Date.now() - 1000);
}

test('a batch is taken as far as there is room; the other lines say 429 and when to come back', async () => {
  const response = await app.request(`${BASE}/transactions/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', authorization: authorization('alpha/user') },
    body: Array.from({ length: 40 }, () => signed('alpha/user')).join('\n'),
  });
  assert.equal(response.status, 200);
  const lines = (await response.text()).trim().split('\n');
  const results = lines.map((line) => JSON.parse(line));
  const taken = results.filter(({ status }) => status === 'pending');
  assert.equal(taken.length, ROOM / 3);
  accepted.push(...taken.map(({ id }) => id));
  const { problem } = results.find(({ status }) => status === 'refused');
  assert.deepEqual([problem.status, problem.code], [429, 'mempool-full']);
  assert.ok(Date.parse(problem.limit.freesAt) > Date.now() - 1000);
});

test('a signed and a custodial call are refused likewise', async () => {
  await isFull(await postSigned('alpha/user'));
  await isFull(await call('alpha/user'));
});

test('so they are through the gateway', async () => {
  const gateway = gatewayApp({
    consortium: 'demo',
    members: [{ id: 'alpha', endpoint: 'https://alpha' }],
    fetch: async (input, init) => app.request(new Request(input as string, init)),
  });
  const send: Send = (path, init) => gateway.request(path, init);
  await isFull(await postSigned('alpha/user', send));
  await isFull(await call('alpha/user', send));
});

test('another identity and another member are served meanwhile', async () => {
  for (const name of ['alpha/admin', 'beta/user']) {
    const response = await postSigned(name);
    assert.equal(response.status, 202);
    accepted.push((await json(response)).id);
  }
  const other = await apis.app('beta').request(`${BASE}/counters/x`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      prefer: 'wait=0',
      authorization: authorization('beta/user'),
    },
    body: '{"by": 1}',
  });
  assert.equal(other.status, 202);
  accepted.push((await json(other)).id);
});

test('what was refused for want of room uses up no quota', async () => {
  await app.request(`${BASE}/transactions`, {
    headers: { authorization: authorization('alpha/user') },
  });
  const day = dayOf(Date.now());
  const [usage] = await store.read('alpha', day, day);
  assert.equal(usage?.transactions, ROOM / 3 + 2);
});

test('all that was accepted is committed, and then there is room again', async () => {
  for (const member of MEMBERS.slice(2)) await apis.network.start(member);
  await until(async () => {
    for (const id of accepted) {
      const response = await app.request(`${BASE}/transactions/${id}`);
      if ((await json(response)).status !== 'committed') return false;
    }
    return true;
  });
  assert.equal((await postSigned('alpha/user')).status, 202);
});
