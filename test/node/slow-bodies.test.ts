/** Bodies that stand still, dribble, lie about their length or never end, over real sockets. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { listen } from '../../node/listen.ts';
import { readText } from '../../shared/api/body.ts';

const IDLE_MS = 200;
let read: Promise<unknown> = Promise.resolve();
let holdBackMs = 0;
const server = await listen(
  async (request) => {
    await delay(holdBackMs);
    const text = readText(request, 1000);
    read = text.catch((error: unknown) => error);
    const body = await text;
    return body instanceof Response ? body : Response.json({ length: body.length });
  },
  { host: '127.0.0.1', port: 0, bodyIdleMs: IDLE_MS },
);
after(() => server.close());

/** Sends these texts with pauses between them; answers all that came until the connection closed. */
async function raw(parts: readonly string[], pauseMs = 0): Promise<string> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  const closed = new Promise<void>((resolve) => {
    socket.on('data', (chunk) => {
      answer += chunk;
      if (/\r\n\r\n.*}$/s.test(answer)) socket.end();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve());
  });
  for (const [index, part] of parts.entries()) {
    if (index > 0) await delay(pauseMs);
    socket.write(part);
  }
  await closed;
  return answer;
}

const head = (...headers: string[]): string =>
  ['POST / HTTP/1.1', 'host: x', ...headers, '', ''].join('\r\n');

test('a body that stops half way is answered 408 and its connection closed', async () => {
  const answer = await raw([head('content-length: 100'), 'half']);
  assert.match(answer, /^HTTP\/1\.1 408 /);
  assert.match(answer, /application\/problem\+json/);
  assert.equal(JSON.parse(answer.split('\r\n\r\n')[1]!).code, 'request-timeout');
  assert.ok((await read) instanceof Error, 'the reader is let go');
});

test('so is one that never begins, and a chunked one that never ends', async () => {
  assert.match(await raw([head('content-length: 100')]), /^HTTP\/1\.1 408 /);
  const chunked = await raw([head('transfer-encoding: chunked'), '4\r\nhalf\r\n']);
  assert.match(chunked, /^HTTP\/1\.1 408 /);
});

test('one that goes on is waited for, longer than it may stand still', async () => {
  const parts = Array.from({ length: 10 }, () => 'x');
  const answer = await raw([head('content-length: 10', 'connection: close'), ...parts], 50);
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /"length":10/);
});

test('one that the server is slow to read is no fault of its sender', async () => {
  holdBackMs = 3 * IDLE_MS;
  const body = 'y'.repeat(900);
  const answer = await raw([head('content-length: 900', 'connection: close'), body]);
  holdBackMs = 0;
  assert.match(answer, /"length":900/);
});

test('a chunked body without a length is bounded as it is read', async () => {
  const chunk = `1f4\r\n${'z'.repeat(500)}\r\n`;
  const answer = await raw([head('transfer-encoding: chunked'), chunk, chunk, chunk, chunk]);
  assert.match(answer, /^HTTP\/1\.1 413 /);
});

test('a length that is no number, or stands beside chunks, is refused', async () => {
  assert.match(await raw([head('content-length: ten'), '']), /^HTTP\/1\.1 400 /);
  const both = head('content-length: 5', 'transfer-encoding: chunked');
  assert.match(await raw([both, '5\r\nhello\r\n0\r\n\r\n']), /^HTTP\/1\.1 400 /);
});
