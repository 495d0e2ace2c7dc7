/** Bodies that are huge or never end, at each door, and answers that nobody reads, over real sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Listening, listen } from '../../node/listen.ts';
import { peerDoor } from '../../node/peer-door.ts';
import { peerGuard } from '../../node/peer-guard.ts';
import { peerHandler } from '../../node/peer-handler.ts';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, type NodeApis, openNodeApis } from '../support/node-api.ts';
import { until } from '../support/until.ts';

const IDENTITIES = [{ member: 'alpha', name: 'user', roles: ['counter.user'] }];
const MB = 1024 ** 2;
let apis: NodeApis;
let node: Listening;
let gateway: Listening;
let lines: Record<string, unknown>[] = [];
const everything: Record<string, unknown>[] = [];
const log = {
  warn(fields: object, message: string) {
    lines.push({ ...fields, message });
    everything.push({ ...fields, message });
  },
} as never;

before(async () => {
  apis = await openNodeApis(counterCatalog, IDENTITIES, ['alpha/user']);
  const app = apis.app('alpha');
  const peer = peerHandler({
    verify: () => 'beta',
    receive: async (_, message) => message,
    guard: peerGuard({
      log: { warn: (fields, message) => void lines.push({ ...fields, message }), error: () => {} },
    }),
  });
  const serve = (request: Request) =>
    new URL(request.url).pathname === '/peer' ? peer.handle(request) : app.fetch(request);
  node = await listen(serve, { host: '127.0.0.1', port: 0, door: peerDoor(peer), log });
  const members = [{ id: 'alpha', endpoint: node.url }];
  const passing = gatewayApp({ consortium: 'demo', members });
  gateway = await listen((request) => passing.fetch(request), { host: '127.0.0.1', port: 0, log });
});
after(async () => {
  await gateway.close();
  await node.close();
  apis.close();
});
beforeEach(() => {
  lines = [];
});

const CHUNK = Buffer.concat([
  Buffer.from('10000\r\n'),
  Buffer.alloc(0x10000, 'x'),
  Buffer.from('\r\n'),
]);

interface Ended {
  readonly status: number;
  readonly text: string;
  readonly sentMb: number;
}

/** Begins a request and sends pieces of body until the connection closes. */
async function endless(
  url: string,
  head: readonly string[],
  piece: Buffer = CHUNK,
): Promise<Ended> {
  const socket = open(url);
  let [answer, isClosed] = ['', false];
  socket.on('data', (chunk) => {
    answer += chunk;
  });
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      isClosed = true;
      resolve();
    });
  });
  socket.write(`${[...head, 'host: x', '', ''].join('\r\n')}`);
  const deadline = Date.now() + 20_000;
  while (!isClosed && Date.now() < deadline) {
    const isRoom = socket.writable && socket.write(piece);
    if (!isRoom) await Promise.race([closed, once(socket, 'drain').catch(() => closed)]);
    await new Promise(setImmediate);
  }
  assert.ok(isClosed, 'it was cut off');
  const sentMb = socket.bytesWritten / MB;
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]), text: answer, sentMb };
}

function open(url: string): Socket {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  return socket;
}

const key = (): string => `authorization: Bearer ${apis.keys.get('alpha/user')}`;
const chunked = 'transfer-encoding: chunked';
const json = 'content-type: application/json';
const tooLarge = /"type":"https:\/\/fuqi\.dev\/problems\/payload-too-large"/;

/** What the API takes a body for: how it begins. */
const DOORS: Readonly<Record<string, () => string[]>> = {
  'a signed transaction': () => [
    `POST ${BASE}/transactions HTTP/1.1`,
    'content-type: application/jose',
  ],
  'a custodial call': () => [`POST ${BASE}/counters/x HTTP/1.1`, json, key()],
  'a step of joining': () => [`POST ${BASE}/join HTTP/1.1`, json],
};

async function commits(): Promise<void> {
  const response = await fetch(`${node.url}${BASE}/counters/x`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apis.keys.get('alpha/user')}`,
      'content-type': 'application/json',
    },
    body: '{"by": 1}',
  });
  assert.equal(response.status, 200);
}

describe('a body without an end', () => {
  for (const [what, head] of Object.entries(DOORS)) {
    it(`as ${what} is cut off at its limit`, async () => {
      for (let count = 0; count < 3; count++) {
        const { status, text } = await endless(node.url, [...head(), chunked]);
        // Whoever has no invitation is told that before.
        if (what === 'a step of joining') assert.equal(status, 401);
        else {
          assert.equal(status, 413, text.slice(0, 500));
          assert.match(text, tooLarge);
        }
      }
      await commits();
    });
  }

  it('is logged once, with the address and the path', () => {
    const said = everything.filter(({ message }) => message === 'body-too-large');
    const path = `${BASE}/transactions`;
    assert.deepEqual(said, [{ address: '127.0.0.1', path, message: 'body-too-large' }]);
  });

  it('is cut off where there is nothing that takes a body', async () => {
    for (const path of ['/nowhere', `${BASE}/blocks`, '/healthz']) {
      const { status } = await endless(node.url, [`POST ${path} HTTP/1.1`, chunked]);
      assert.ok([404, 405].includes(status), `${path}: ${status}`);
    }
  });

  it('in a batch ends the batch', async () => {
    const head = [
      `POST ${BASE}/transactions/batch HTTP/1.1`,
      'content-type: application/x-ndjson',
      key(),
    ];
    const { status, text, sentMb } = await endless(node.url, [...head, chunked]);
    assert.equal(status, 200);
    assert.match(text, tooLarge);
    assert.ok(sentMb < 200, `${sentMb} MB`);
    // Many lines instead of one.
    const many = Buffer.from('8\r\nno jws\r\n\r\n'.repeat(2000));
    const lined = await endless(node.url, [...head, chunked], many);
    assert.match(lined.text, tooLarge);
  });

  it('of another member’s node is cut off and counted', async () => {
    const head = [
      'POST /peer HTTP/1.1',
      'content-type: application/cbor',
      'authorization: Bearer x',
    ];
    const { status, text } = await endless(node.url, [...head, chunked]);
    assert.equal(status, 413);
    assert.match(text, tooLarge);
    const declared = await endless(node.url, [...head, `content-length: ${10 ** 12}`], CHUNK);
    assert.equal(declared.status, 413);
    assert.deepEqual(
      lines.filter(({ message }) => message === 'peer-message-refused').map(({ kind }) => kind),
      ['too-large'],
    );
  });

  it('is cut off at the gateway, by the node’s limit or its own', async () => {
    const signed = DOORS['a signed transaction']!();
    const passed = await endless(gateway.url, [...signed, chunked]);
    assert.equal(passed.status, 413, passed.text.slice(0, 300));
    assert.match(passed.text, tooLarge);
    const batch = [
      `POST ${BASE}/transactions/batch HTTP/1.1`,
      'content-type: application/x-ndjson',
    ];
    const own = await endless(gateway.url, [...batch, chunked]);
    assert.equal(own.status, 200);
    assert.match(own.text, tooLarge);
    assert.ok(own.sentMb < 200, `${own.sentMb} MB`);
    const declared = await endless(gateway.url, [...signed, `content-length: ${10 ** 12}`]);
    assert.equal(declared.status, 413);
    await commits();
  });

  it('sent by fifty at once holds no more than its limit of each, and others are served', async () => {
    const before = process.memoryUsage().rss / MB;
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss / MB - before);
    }, 20);
    const head = DOORS['a signed transaction']!();
    const all = Array.from({ length: 50 }, () => endless(node.url, [...head, chunked]));
    for (let count = 0; count < 5; count++) await commits();
    const statuses = (await Promise.all(all)).map(({ status }) => status);
    clearInterval(timer);
    // A close while it still sends may overtake the answer.
    assert.ok(statuses.every((status) => status === 413 || Number.isNaN(status)));
    assert.ok(statuses.filter((status) => status === 413).length >= 25);
    assert.ok(most < 300, `${most} MB`);
  });
});

describe('bodies that are held while they come', () => {
  it('are cut off, the oldest first, where there are too many of them', async () => {
    const limits = { host: '127.0.0.1', port: 0, bytesMax: 2 * MB, log };
    const server = await listen(
      async (request) => new Response(String((await request.text()).length)),
      limits,
    );
    const half = 'x'.repeat(MB);
    const sockets: Socket[] = [];
    const answers: string[] = [];
    for (let index = 0; index < 3; index++) {
      const socket = open(server.url);
      sockets.push(socket);
      answers.push('');
      socket.on('data', (chunk) => {
        answers[index] = `${answers[index]}${chunk}`;
      });
      socket.write(`POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${MB + 1}\r\n\r\n${half}`);
      await once(socket, 'drain');
    }
    await until(() => sockets[0]!.closed);
    assert.match(answers[0]!, /^HTTP\/1\.1 408 /);
    assert.match(answers[0]!, /"type":"https:\/\/fuqi\.dev\/problems\/request-timeout"/);
    sockets[2]!.write('x');
    await until(() => answers[2]!.endsWith(String(MB + 1)));
    for (const socket of sockets) socket.destroy();
    await server.close();
  });
});

describe('an answer that nobody reads', () => {
  it('is given up when nothing of it was taken for a while, and said once', async () => {
    const answer = 'y'.repeat(20 * MB);
    const server = await listen(() => new Response(answer), {
      ...{ host: '127.0.0.1', port: 0, readerIdleMs: 300, log },
    });
    const sockets = [1, 2].map(() => open(server.url));
    for (const socket of sockets) {
      socket.pause();
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    }
    const said = () => lines.filter(({ message }) => message === 'answer-not-read');
    await until(() => said().length === 1);
    assert.ok(Number(said()[0]!.bytes) > 10 * MB);
    // Who reads slowly, but does, gets all of it.
    const slow = open(server.url);
    let length = 0;
    slow.on('data', (chunk: Buffer) => {
      length += chunk.length;
      slow.pause();
      setTimeout(() => slow.resume(), 5);
    });
    slow.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await until(() => length > 20 * MB);
    for (const socket of [...sockets, slow]) socket.destroy();
    await server.close();
  });

  it('of an endless stream is held back: no more is made than is taken, and it is given up', async () => {
    let made = 0;
    let isCancelled = false;
    const stream = () =>
      new ReadableStream<Uint8Array>({
        pull(controller) {
          made += MB;
          controller.enqueue(new Uint8Array(MB));
        },
        cancel() {
          isCancelled = true;
        },
      });
    const server = await listen(() => new Response(stream()), {
      ...{ host: '127.0.0.1', port: 0, readerIdleMs: 300, log },
    });
    const socket = open(server.url);
    socket.pause();
    socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await until(() => isCancelled);
    assert.ok(made < 64 * MB, `${made / MB} MB were made`);
    socket.destroy();
    await server.close();
  });

  it('of all together are bounded: those that stand still go first', async () => {
    const answer = 'z'.repeat(20 * MB);
    const server = await listen(() => new Response(answer), {
      ...{ host: '127.0.0.1', port: 0, readerIdleMs: 60_000, bytesMax: 50 * MB, log },
    });
    const sockets = Array.from({ length: 10 }, () => open(server.url));
    for (const socket of sockets) {
      socket.pause();
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    }
    await until(() => lines.some(({ message }) => message === 'answer-not-read'));
    assert.equal((await (await fetch(server.url)).text()).length, 20 * MB);
    for (const socket of sockets) socket.destroy();
    await server.close();
  });
});
