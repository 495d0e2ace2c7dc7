/** The gateway over real HTTP: tiny servers stand where members' nodes would. */
import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, test as nodeTest } from 'node:test';
import { serve } from '@hono/node-server';
import { nodeFetch } from '../../node/node-fetch.ts';
import { type GatewayOptions, gatewayApp } from '../../shared/api/gateway.ts';
import { type ApiKeyDirectory, parseApiKey } from '../../shared/api/tenant.ts';
import { BASE, json } from '../support/node-api.ts';
import { until } from '../support/until.ts';

interface Upstream {
  readonly endpoint: string;
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers'] }[];
  answer: (request: IncomingMessage, response: ServerResponse) => void;
  close(): Promise<void>;
}

const outgoing = nodeFetch();
after(() => outgoing.close());
let leave: typeof fetch;

/** Each once as requests leave a gateway on functions, and once as they leave one that is a process. */
function test(name: string, run: () => Promise<void>): void {
  for (const [way, itsFetch] of [
    ['the platform’s fetch', fetch],
    ['kept connections', outgoing.fetch],
  ] as const) {
    nodeTest(`${name} (${way})`, async () => {
      leave = itsFetch;
      await run();
    });
  }
}

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function upstream(member: string): Promise<Upstream> {
  const server = createServer((request, response) => {
    self.requests.push({
      method: request.method!,
      url: request.url!,
      headers: request.headers,
    });
    self.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const self: Upstream = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    answer: (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => {
        response.setHeader('content-type', 'application/json');
        response.end(JSON.stringify({ member, body: Buffer.concat(chunks).toString() }));
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  closers.push(() => self.close());
  return self;
}

const token = (member: string, letter = 'a'): string =>
  `fuqi_${member}_${letter.repeat(12)}_${letter.repeat(43)}`;
/** Knows the keys of alpha and beta. */
const keys: ApiKeyDirectory = {
  find(text) {
    const key = parseApiKey(text);
    if (!key || !['alpha', 'beta'].includes(key.member) || key.keyId !== 'a'.repeat(12)) {
      return undefined;
    }
    return { member: key.member, identity: 'user', keyId: key.keyId };
  },
};

async function open(more: Partial<GatewayOptions> = {}) {
  const alpha = await upstream('alpha');
  const beta = await upstream('beta');
  const app = gatewayApp({
    consortium: 'demo',
    members: [
      { id: 'alpha', endpoint: `${alpha.endpoint}/` },
      { id: 'beta', endpoint: beta.endpoint },
    ],
    keys,
    fetch: leave,
    ...more,
  });
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await until(() => server.address() !== null);
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve(undefined));
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  );
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call = (path: string, init: RequestInit = {}) => fetch(`${url}${BASE}${path}`, init);
  return { alpha, beta, url, call };
}

const as = (member: string, letter?: string) => ({
  authorization: `Bearer ${token(member, letter)}`,
});

test('a key takes its request to its member’s node, whole', async () => {
  const { call, alpha, beta } = await open();
  const response = await call('/invoices?x=1%2F2', {
    method: 'POST',
    headers: { ...as('beta'), 'content-type': 'application/json', prefer: 'wait=3' },
    body: '{"a": 1}',
  });
  assert.deepEqual(await json(response), { member: 'beta', body: '{"a": 1}' });
  assert.equal(alpha.requests.length, 0);
  const [request] = beta.requests;
  assert.equal(request!.url, `${BASE}/invoices?x=1%2F2`);
  assert.equal(request!.headers.prefer, 'wait=3');
  assert.equal(request!.headers.authorization, as('beta').authorization);
  assert.equal(request!.headers['x-request-id'], response.headers.get('x-request-id'));
});

test('a request goes on to where the node has moved, and anonymous ones to those that have not', async () => {
  const moved = await upstream('beta, elsewhere');
  const { call, alpha, beta } = await open({
    nodeOf: async (member, hasMoved) => {
      assert.deepEqual([member, hasMoved], ['beta', true]);
      return moved.endpoint;
    },
  });
  beta.answer = (request, response) => {
    request.resume();
    response.statusCode = 421;
    response.end('{}');
  };
  const init = { method: 'POST', headers: as('beta'), body: '{"a": 1}' };
  const taken = await call('/invoices', init);
  assert.deepEqual(await json(taken), { member: 'beta, elsewhere', body: '{"a": 1}' });
  assert.equal(moved.requests[0]!.headers.authorization, as('beta').authorization);
  for (let turn = 0; turn < 2; turn++) {
    assert.deepEqual(await json(await call('/blocks')), { member: 'alpha', body: '' });
  }
  assert.equal(alpha.requests.length, 2);
});

test('where nobody listens any more it is asked where the node is, also for the next request', async () => {
  const moved = await upstream('beta, elsewhere');
  const asked: string[] = [];
  const { call } = await open({
    fetch: async (input, init) => {
      const { hostname } = new URL(String(input));
      if (hostname !== 'gone') return leave(input, init);
      throw Object.assign(new TypeError('fetch failed'), { code: 'UND_ERR_SOCKET' });
    },
    members: [{ id: 'beta', endpoint: 'http://gone' }],
    nodeOf: async (member) => {
      asked.push(member);
      return moved.endpoint;
    },
  });
  assert.deepEqual(await json(await call('/blocks', { headers: as('beta') })), {
    member: 'beta, elsewhere',
    body: '',
  });
  // It may have been taken before the connection broke.
  const written = await call('/invoices', { method: 'POST', headers: as('beta'), body: '{}' });
  assert.equal(written.status, 502);
  assert.deepEqual(asked, ['beta', 'beta']);
  assert.equal(moved.requests.length, 1);
});

test('a node that has moved nobody knows where says so itself', async () => {
  const { call, beta } = await open({ nodeOf: async () => undefined });
  beta.answer = (_, response) => {
    response.statusCode = 421;
    response.end('{}');
  };
  const response = await call('/invoices', { method: 'POST', headers: as('beta'), body: '{}' });
  assert.equal(response.status, 421);
});

test('a key of a member that nobody can be asked about is not called unknown', async () => {
  const { call } = await open({
    keys: undefined as never,
    nodeOf: async () => {
      throw new Error('no node answers');
    },
  });
  const response = await call('/blocks', { headers: as('gamma') });
  assert.equal(response.status, 503);
  assert.equal(response.headers.get('retry-after'), '1');
  const { code, retry } = await json(response);
  assert.deepEqual([code, retry], ['unavailable', 'same']);
});

test('an unknown key is refused at the gateway and reaches no node', async () => {
  const { call, alpha, beta } = await open();
  for (const headers of [as('alpha', 'b'), as('gamma'), { authorization: 'Basic eDp5' }]) {
    const response = await call('/blocks', { headers });
    assert.equal(response.status, 401);
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/);
    assert.ok(!(await response.text()).includes('bbbb'));
  }
  assert.equal(alpha.requests.length + beta.requests.length, 0);
});

test('without a directory the key’s member is asked whether it is good', async () => {
  const app = await open();
  const open2 = gatewayApp({
    consortium: 'demo',
    members: [{ id: 'alpha', endpoint: app.alpha.endpoint }],
    fetch: leave,
  });
  const response = await open2.request(`${BASE}/blocks`, { headers: as('alpha', 'b') });
  assert.equal(response.status, 200);
  assert.equal(app.alpha.requests.length, 1);
});

test('anonymous reads take turns, and a dead node is skipped', async () => {
  const { call, alpha, beta } = await open();
  for (let count = 0; count < 4; count++) await (await call('/blocks')).text();
  assert.deepEqual([alpha.requests.length, beta.requests.length], [2, 2]);
  await alpha.close();
  for (let count = 0; count < 6; count++) {
    assert.equal((await json(await call('/blocks'))).member, 'beta');
  }
});

test('a signed transaction without a key goes to another node when one is dead', async () => {
  const { call, alpha } = await open();
  await alpha.close();
  for (let count = 0; count < 4; count++) {
    const response = await call('/transactions', {
      method: 'POST',
      headers: { 'content-type': 'application/jose' },
      body: 'a.b.c',
    });
    assert.deepEqual(await json(response), { member: 'beta', body: 'a.b.c' });
  }
});

test('a tenant whose node is down gets 502 on writes, and public reads from another node', async () => {
  const { call, alpha, beta } = await open();
  await alpha.close();
  const write = await call('/invoices', { method: 'POST', headers: as('alpha'), body: '{}' });
  assert.equal(write.status, 502);
  const problem = await json(write);
  assert.deepEqual([problem.code, problem.retry], ['bad-gateway', 'same']);
  assert.match(problem.detail, /alpha/);
  const read = await call('/blocks', { headers: as('alpha') });
  assert.equal((await json(read)).member, 'beta');
  assert.equal(beta.requests.at(-1)!.headers.authorization, undefined, 'the key stays behind');
});

test('another node that would not show it to anyone is no substitute', async () => {
  const { call, alpha, beta } = await open();
  await alpha.close();
  beta.answer = (_, response) => response.writeHead(401).end('{}');
  assert.equal((await call('/totals', { headers: as('alpha') })).status, 502);
});

test('a node that breaks off may have taken a write: the answer doesn’t say try again', async () => {
  const { call, alpha } = await open();
  alpha.answer = (request) => request.socket.destroy();
  const write = await call('/invoices', { method: 'POST', headers: as('alpha'), body: '{}' });
  assert.equal((await json(write)).retry, 'none');
  const keyed = await call('/invoices', {
    method: 'POST',
    headers: { ...as('alpha'), 'idempotency-key': 'k' },
    body: '{}',
  });
  assert.equal((await json(keyed)).retry, 'same');
  assert.equal(alpha.requests.length, 2);
});

test('a node that is too slow is given up', async () => {
  const { call, alpha } = await open({ timeoutMs: 50 });
  alpha.answer = () => {};
  const response = await call('/invoices', { method: 'POST', headers: as('alpha'), body: '{}' });
  assert.equal(response.status, 504);
  assert.equal((await json(response)).code, 'gateway-timeout');
});

test('answers stream through, and a reader that goes away takes the request with it', async () => {
  const { call, alpha } = await open();
  let closed = false;
  alpha.answer = (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('id: 1.0.0\ndata: {}\n\n');
    response.on('close', () => {
      closed = true;
    });
  };
  const aborter = new AbortController();
  const response = await call('/events', {
    headers: { ...as('alpha'), accept: 'text/event-stream' },
    signal: aborter.signal,
  });
  const { value } = await response.body!.getReader().read();
  assert.match(Buffer.from(value!).toString(), /^id: 1\.0\.0/);
  assert.equal(closed, false);
  aborter.abort();
  await until(() => closed);
});

test('request bodies stream through while they are written', async () => {
  const { call, alpha } = await open();
  alpha.answer = (request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    request.pipe(response);
  };
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  void writer.write(Buffer.from('one\n'));
  const response = await call('/transactions/batch', {
    method: 'POST',
    headers: { ...as('alpha'), 'content-type': 'application/x-ndjson' },
    body: readable,
    duplex: 'half',
  } as RequestInit);
  const reader = response.body!.getReader();
  assert.equal(Buffer.from((await reader.read()).value!).toString(), 'one\n');
  await writer.write(Buffer.from('two\n'));
  assert.equal(Buffer.from((await reader.read()).value!).toString(), 'two\n');
  await writer.close();
  assert.equal((await reader.read()).done, true);
});

test('a body over the limit is refused, declared or not', async () => {
  const { call, alpha } = await open({ bodyBytesMax: 1000 });
  const declared = await call('/invoices', {
    method: 'POST',
    headers: as('alpha'),
    body: 'x'.repeat(1001),
  });
  assert.equal(declared.status, 413);
  assert.equal(alpha.requests.length, 0);
  const streamed = await call('/invoices', {
    method: 'POST',
    headers: as('alpha'),
    body: new Blob(['x'.repeat(800), 'x'.repeat(800)]).stream(),
    duplex: 'half',
  } as RequestInit);
  assert.equal(streamed.status, 413);
  assert.equal((await json(streamed)).code, 'payload-too-large');
});

test('hop-by-hop headers stay on their hop', async () => {
  const { url, alpha } = await open();
  alpha.answer = (_, response) => {
    response.writeHead(200, { connection: 'x-private', 'x-private': '1', link: '</x>' });
    response.end('{}');
  };
  const { request } = await import('node:http');
  const headers = await new Promise<IncomingMessage['headers']>((resolve, reject) => {
    const sent = request(`${url}${BASE}/blocks`, {
      headers: { ...as('alpha'), te: 'trailers', connection: 'x-hop', 'x-hop': '1', 'x-end': '2' },
    });
    sent.on('response', (response) => {
      response.resume();
      resolve(response.headers);
    });
    sent.on('error', reject);
    sent.end();
  });
  assert.equal(headers.link, '</x>');
  assert.equal(headers['x-private'], undefined);
  const received = alpha.requests[0]!.headers;
  assert.deepEqual(
    [received['x-hop'], received.te, received['x-end']],
    [undefined, undefined, '2'],
  );
});

test('health shows each node’s head and its lag', async () => {
  const { url, alpha, beta } = await open();
  const at =
    (height: number) =>
    (_: IncomingMessage, response: ServerResponse): void => {
      response.end(JSON.stringify({ status: 'ok', height, headId: 'x', member: '?' }));
    };
  alpha.answer = at(7);
  beta.answer = at(5);
  const healthy = await json(await fetch(`${url}/healthz`));
  assert.deepEqual(
    healthy.nodes.map(({ member, height, lag }: Record<string, unknown>) => [member, height, lag]),
    [
      ['alpha', 7, 0],
      ['beta', 5, 2],
    ],
  );
  assert.deepEqual([healthy.status, healthy.height], ['ok', 7]);
  await alpha.close();
  const degraded = await fetch(`${url}/healthz`);
  assert.equal(degraded.status, 200);
  assert.equal((await json(degraded)).status, 'degraded');
  await beta.close();
  const down = await fetch(`${url}/healthz`);
  assert.equal(down.status, 503);
  assert.deepEqual((await json(down)).nodes, [
    { member: 'alpha', status: 'down' },
    { member: 'beta', status: 'down' },
  ]);
});

test('the root leads to the docs, and docs come from any node', async () => {
  const { url, alpha, beta } = await open();
  const root = await fetch(url, { redirect: 'manual' });
  assert.deepEqual([root.status, root.headers.get('location')], [302, '/docs']);
  await alpha.close();
  assert.equal((await fetch(`${url}/docs`)).status, 200);
  assert.equal((await fetch(`${url}/openapi.json`)).status, 200);
  assert.equal(beta.requests[0]!.headers['x-forwarded-host'], new URL(url).host);
});

test('browsers of any origin may call', async () => {
  const { call } = await open();
  const preflight = await call('/invoices', {
    method: 'OPTIONS',
    headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' },
  });
  assert.equal(preflight.headers.get('access-control-allow-origin'), '*');
  assert.match(preflight.headers.get('access-control-allow-headers') ?? '', /idempotency-key/i);
  const response = await call('/blocks', { headers: { origin: 'https://shop.example' } });
  assert.match(response.headers.get('access-control-expose-headers') ?? '', /location/i);
});

test('another consortium or path is not found', async () => {
  const { url, alpha } = await open();
  for (const [path, code] of [
    ['/v1/consortia/other/blocks', 'wrong-consortium'],
    ['/v1/consortia/other', 'wrong-consortium'],
    ['/v2/consortia/demo/blocks', 'unknown-version'],
    ['/peer', 'not-found'],
    ['/x', 'not-found'],
  ]) {
    const response = await fetch(`${url}${path}`);
    assert.equal(response.status, 404, path);
    assert.equal((await json(response)).code, code);
  }
  assert.equal(alpha.requests.length, 0);
});
