/** The server's own door for other nodes' messages: what it takes, and what it leaves to the API. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Listening, listen } from '../../node/listen.ts';
import { peerDoor } from '../../node/peer-door.ts';
import { peerGuard } from '../../node/peer-guard.ts';
import { peerHandler } from '../../node/peer-handler.ts';
import { currentRequest } from '../../node/request-context.ts';
import { StoreFault } from '../../shared/ports/store-fault.ts';
import { BadMessage } from '../../shared/replica/bad-message.ts';
import { until } from '../support/until.ts';

let server: Listening;
/** What reached the API, and the messages that the handler got of whom in which request. */
let passedOn: string[] = [];
let received: { from: string; text: string; requestId: string | undefined }[] = [];
let fault: Error | undefined;
let guard: ReturnType<typeof peerGuard>;

const handler = peerHandler({
  verify: (token) => (token === 'good' ? 'beta' : undefined),
  async receive(from, message) {
    const text = Buffer.from(message).toString();
    received.push({ from, text, requestId: currentRequest()?.requestId });
    if (fault) throw fault;
    return Buffer.from(`reply to ${text}`);
  },
  limits: { messageBytesMax: 1000 },
  guard: {
    handle: (...args) => guard.handle(...args),
    trusts: (member) => guard.trusts(member),
    refused: (...args) => guard.refused(...args),
    failed: () => {},
  },
});

before(async () => {
  const api = async (request: Request): Promise<Response> => {
    passedOn.push(new URL(request.url).pathname);
    return handler.handle(request);
  };
  server = await listen(api, { host: '127.0.0.1', port: 0, door: peerDoor(handler) });
});
after(() => server.close());
beforeEach(() => {
  [passedOn, received, fault, guard] = [[], [], undefined, peerGuard()];
});

const FINE = { authorization: 'Bearer good', 'content-type': 'application/cbor' };
const post = (
  body: string | ReadableStream,
  headers: Record<string, string> = {},
  path = '/peer',
) =>
  fetch(`${server.url}${path}`, {
    method: 'POST',
    headers: { ...FINE, ...headers },
    body,
    ...(body instanceof ReadableStream && { duplex: 'half' }),
  } as RequestInit);

describe('the door for messages', () => {
  it('answers a correct node’s by itself, in the request that they belong to', async () => {
    const response = await post('hello', { 'x-request-id': 'request-1' });
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'application/cbor');
    assert.equal(response.headers.get('x-request-id'), 'request-1');
    assert.equal(await response.text(), 'reply to hello');
    await post('news', { 'x-request-id': 'request-2' }, '/peer/tidings');
    assert.deepEqual(received, [
      { from: 'beta', text: 'hello', requestId: 'request-1' },
      { from: 'beta', text: 'news', requestId: 'request-2' },
    ]);
    assert.deepEqual(passedOn, []);
  });

  it('takes messages as long as they may be, in pieces', async () => {
    const long = 'x'.repeat(1000);
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const head = Object.entries({ ...FINE, host: 'x', 'content-length': '1000' });
    const lines = head.map(([name, value]) => `${name}: ${value}`);
    socket.write(`POST /peer HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${long.slice(0, 400)}`);
    await new Promise(setImmediate);
    socket.write(long.slice(400));
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 200 /);
    socket.destroy();
    assert.equal(received[0]!.text, long);
    assert.deepEqual(passedOn, []);
  });

  it('leaves whatever is odd to the API, which refuses it', async () => {
    const stream = new Blob(['in pieces']).stream();
    const odd: [string | ReadableStream, Record<string, string>, string, number][] = [
      ['x', { authorization: 'Bearer bad' }, '/peer', 401],
      ['x', { authorization: '' }, '/peer', 401],
      ['x', { 'content-type': 'application/json' }, '/peer', 415],
      ['x'.repeat(1001), {}, '/peer', 413],
    ];
    for (const [body, headers, path, status] of odd) {
      assert.equal((await post(body, headers, path)).status, status, JSON.stringify(headers));
    }
    assert.deepEqual([passedOn.length, received.length], [odd.length, 0]);
    // These are messages all the same.
    assert.equal((await post('x', {}, '/peer?again')).status, 200);
    assert.equal((await post(stream)).status, 200);
    assert.deepEqual([passedOn.length, received.length], [odd.length + 2, 2]);
  });

  it('refuses garbage with a problem that names the request, and leaves its sender to the API', async () => {
    fault = new BadMessage('undecodable', 'not CBOR');
    const response = await post('garbage', { 'x-request-id': 'request-3' });
    assert.equal(response.status, 400);
    assert.equal(response.headers.get('content-type'), 'application/problem+json');
    const document = (await response.json()) as Record<string, unknown>;
    assert.equal(document.type, 'https://fuqi.dev/problems/bad-request');
    assert.equal(document.got, 'undecodable');
    assert.equal(document.requestId, 'request-3');
    assert.equal(document.instance, 'urn:fuqi:request:request-3');
    assert.deepEqual(passedOn, []);
    fault = undefined;
    assert.equal((await post('fine again')).status, 200);
    assert.deepEqual(passedOn, ['/peer']);
  });

  it('says that the node failed, and that its store did, with problems of their own', async () => {
    const problems = [
      [new Error('the disk is full'), 500, 'internal'],
      [new StoreFault('damaged', 'a value has changed'), 500, 'store-damaged'],
      [new StoreFault('unwritable', 'no space'), 503, 'store-unwritable'],
    ] as const;
    for (const [error, status, code] of problems) {
      fault = error;
      const response = await post('x');
      const document = (await response.json()) as { code: string; detail: string };
      assert.deepEqual([response.status, document.code], [status, code]);
      assert.doesNotMatch(JSON.stringify(document), /disk is full|has changed|no space/);
    }
    assert.deepEqual(passedOn, []);
  });

  it('lets go of a message whose sender goes away in the middle', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    const head = Object.entries({ ...FINE, host: 'x', 'content-length': '100' });
    const lines = head.map(([name, value]) => `${name}: ${value}`);
    socket.write(`POST /peer HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\nhalf`);
    await until(() => socket.bytesWritten > 0 && !socket.connecting);
    socket.destroy();
    await once(socket, 'close');
    assert.equal((await post('whole')).status, 200);
    assert.deepEqual(
      received.map(({ text }) => text),
      ['whole'],
    );
  });
});
