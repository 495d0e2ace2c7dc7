import assert from 'node:assert/strict';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, beforeEach, it } from 'node:test';
import { CallRefused, call } from '../../node/gateway-call.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
let answers: Answer[] = [];
let keys: (string | undefined)[] = [];
const server = createServer(async (request, response) => {
  for await (const _ of request);
  keys.push(request.headers['idempotency-key'] as string | undefined);
  answers.shift()!(request, response);
});
await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
after(() => server.close());
beforeEach(() => {
  keys = [];
});
const target = {
  url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  consortium: 'c',
  key: 'key',
};
const status =
  (code: number, body: object, headers = {}): Answer =>
  (_, response) =>
    response
      .writeHead(code, { 'content-type': 'application/json', ...headers })
      .end(JSON.stringify(body));

it('a call that a limit, a slow function or a broken connection ended is sent again, under one idempotency key', async () => {
  answers = [
    status(429, { message: 'Too Many Requests' }),
    status(502, { message: 'Internal server error' }),
    (request) => request.socket.destroy(),
    status(200, { output: 1 }),
  ];
  assert.deepEqual(await call(target, '/proposals', { body: '{}' }), { output: 1 });
  assert.equal(keys.length, 4);
  assert.equal(new Set(keys).size, 1);
  assert.match(keys[0]!, /^[0-9a-f-]{36}$/);
});

it('two calls have two idempotency keys', async () => {
  answers = [status(200, {}), status(200, {})];
  for (let count = 0; count < 2; count++) await call(target, '/proposals', { body: '{}' });
  assert.equal(new Set(keys).size, 2);
});

it('a refusal that would meet the same call again is thrown at once', async () => {
  answers = [status(409, { title: 'Conflict', detail: 'It was voted on.' })];
  await assert.rejects(
    call(target, '/proposals', { body: '{}' }),
    (error: CallRefused) =>
      error.status === 409 && error.message === '409 Conflict: It was voted on.',
  );
});

it('what stands before the gateway is quoted where it refuses to the end', async () => {
  const busy = status(503, { message: 'Service Unavailable' });
  answers = [busy, busy, busy, busy, busy];
  await assert.rejects(
    call(target, '/blocks/head'),
    (error) =>
      error instanceof CallRefused && error.message === 'The answer was 503: Service Unavailable',
  );
  assert.equal(answers.length, 0);
});

it('health that is not well is an answer, not asked for again', async () => {
  answers = [status(503, { status: 'unavailable' })];
  assert.deepEqual(await call(target, '/healthz', { root: true }), { status: 'unavailable' });
});

it('where nothing listens, that is said at once', async () => {
  const nobody = { ...target, url: 'http://127.0.0.1:9' };
  await assert.rejects(call(nobody, '/blocks/head'), /Nothing answers at http:\/\/127.0.0.1:9/);
});
