/** A request's id from the caller to the logs of other members' nodes. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { after, before, test } from 'node:test';
import { currentRequest, inRequest } from '../../node/request-context.ts';
import { tokenPeers } from '../../node/token-peers.ts';
import { gatewayApp } from '../../shared/api/gateway.ts';
import type { RequestAbout } from '../../shared/api/request-id.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';

let apis: NodeApis;
before(async () => {
  const identities = [{ member: 'alpha', name: 'user', roles: ['counter.user'] }];
  apis = await openNodeApis(counterCatalog, identities, ['alpha/user']);
});
after(() => apis.close());

/** A gateway before a node; `seen` has what the node's host knew of each request. */
function open() {
  const seen: (RequestAbout | undefined)[] = [];
  const node = apis.app('alpha', {
    inRequest: (about, serve) =>
      inRequest(about, async () => {
        const served = await serve();
        seen.push(currentRequest());
        return served;
      }),
  });
  const gateway = gatewayApp({
    consortium: 'demo',
    members: [{ id: 'alpha', endpoint: 'https://alpha' }],
    fetch: async (input, init) => node.fetch(new Request(input, init)),
  });
  const get = (path: string, headers: Record<string, string> = {}) =>
    gateway.request(`${BASE}${path}`, { headers });
  return { seen, get };
}

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

test('the caller’s id goes through gateway and node, and comes back', async () => {
  const { seen, get } = open();
  const response = await get('/blocks', { 'x-request-id': 'order_4711.1' });
  assert.equal(response.headers.get('x-request-id'), 'order_4711.1');
  assert.equal(seen[0]!.requestId, 'order_4711.1');
});

test('a trace gives its id where there is no other, and is known beside one', async () => {
  const { seen, get } = open();
  const traceparent = `00-${TRACE}-00f067aa0ba902b7-01`;
  assert.equal((await get('/blocks', { traceparent })).headers.get('x-request-id'), TRACE);
  await get('/blocks', { traceparent, 'x-request-id': 'order-4711' });
  assert.deepEqual(seen, [
    { requestId: TRACE, traceId: TRACE },
    { requestId: 'order-4711', traceId: TRACE },
  ]);
});

test('what is no id is replaced, at the gateway already', async () => {
  const { seen, get } = open();
  for (const headers of [
    { 'x-request-id': 'a b"}' },
    { 'x-request-id': 'x'.repeat(65) },
    { traceparent: `00-${'0'.repeat(32)}-00f067aa0ba902b7-01` },
    { traceparent: `ff-${TRACE}-00f067aa0ba902b7-01` },
  ]) {
    const id = (await get('/blocks', headers)).headers.get('x-request-id')!;
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f-]{27}$/);
    assert.equal(seen.at(-1)!.requestId, id);
  }
});

test('a problem says of which request it is, the node’s and the gateway’s own', async () => {
  const { get } = open();
  for (const path of ['/blocks/999999', '/../other']) {
    const response = await get(path, { 'x-request-id': 'order-4711' });
    const body = await json(response);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    const named = [body.requestId, body.instance];
    assert.deepEqual(named, ['order-4711', 'urn:fuqi:request:order-4711']);
  }
});

test('calls to other members’ nodes carry it on', async () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const sent: Record<string, string>[] = [];
  const peers = tokenPeers({
    member: 'alpha',
    ledger: 'a'.repeat(64) as Digest,
    keys: [privateKey],
    now: Date.now,
    async post(_member, headers) {
      sent.push(headers);
      return { status: 200, reply: new Uint8Array() };
    },
  });
  const ask = () => peers.request('beta', new Uint8Array());
  await inRequest({ requestId: 'order-4711' }, ask);
  await ask();
  assert.deepEqual(
    sent.map((headers) => headers['x-request-id']),
    ['order-4711', undefined],
  );
});
