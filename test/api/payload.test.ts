/** What of a body is refused before anything of it is parsed. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';

let apis: NodeApis;
let app: ReturnType<NodeApis['app']>;
before(async () => {
  const identities = [{ member: 'alpha', name: 'user', roles: ['counter.user'] }];
  apis = await openNodeApis(counterCatalog, identities, ['alpha/user']);
  app = apis.app('alpha');
});
after(() => apis.close());

const post = (path: string, body: RequestInit['body'], headers: Record<string, string>) =>
  app.request(`${BASE}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apis.keys.get('alpha/user')}`, ...headers },
    body,
    duplex: 'half',
  } as RequestInit);

/** A body that is made as it is read, without a length. */
function endless(chunk: Uint8Array): { readonly body: ReadableStream; taken(): number } {
  let taken = 0;
  const body = new ReadableStream({
    pull(controller) {
      taken += chunk.length;
      controller.enqueue(chunk);
    },
  });
  return { body, taken: () => taken };
}

test('a compressed body is refused by node and gateway, whatever it would unpack to', async () => {
  const bomb = gzipSync(Buffer.alloc(10 * 1024 * 1024, ' '));
  const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
  const response = await post('/counters/a', bomb, headers);
  assert.deepEqual([response.status, response.headers.get('accept-encoding')], [415, 'identity']);
  assert.deepEqual((await json(response)).got, 'gzip');
  const gateway = gatewayApp({
    consortium: 'demo',
    members: [{ id: 'alpha', endpoint: 'https://alpha' }],
    fetch: () => assert.fail('it reaches no node'),
  });
  const request = { method: 'POST', headers, body: bomb };
  assert.equal((await gateway.request(`${BASE}/counters/a`, request)).status, 415);
});

test('a body without a length is read up to the limit only', async () => {
  for (const [path, type, most] of [
    ['/counters/a', 'application/json', LIMITS.transactionBytesMax],
    ['/transactions', 'application/jose', LIMITS.transactionBytesMax * 2],
  ] as const) {
    const { body, taken } = endless(new Uint8Array(16 * 1024).fill(0x20));
    const response = await post(path, body, { 'content-type': type });
    assert.equal(response.status, 413);
    assert.ok(taken() <= most + 64 * 1024, `${taken()} bytes were taken of an endless body`);
  }
});

test('a body that is longer than it says is refused where the host lets it through', async () => {
  const request = new Request(`http://x${BASE}/counters/a`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apis.keys.get('alpha/user')}`,
      'content-type': 'application/json',
      'content-length': '10',
    },
    body: `{"x":"${'y'.repeat(LIMITS.transactionBytesMax)}"}`,
  });
  assert.equal((await app.fetch(request)).status, 413);
});

test('a batch of blank lines without end comes to one', async () => {
  const { body, taken } = endless(new Uint8Array(1024 * 1024).fill(0x0a));
  const response = await post('/transactions/batch', body, {
    'content-type': 'application/x-ndjson',
  });
  const lines = (await response.text()).trim().split('\n');
  assert.equal(lines.length, 1);
  assert.equal(JSON.parse(lines[0]!).problem.code, 'payload-too-large');
  assert.ok(taken() <= 70 * 1024 * 1024);
});
