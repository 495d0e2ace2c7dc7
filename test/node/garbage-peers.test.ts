/** A member's node that sends garbage, as fast as it can, to the peers' door and through the relay. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import { listen } from '../../node/listen.ts';
import { peerDoor } from '../../node/peer-door.ts';
import { peerGuard } from '../../node/peer-guard.ts';
import { peerHandler } from '../../node/peer-handler.ts';
import { issuePeerToken, peerTokenVerifier } from '../../node/peer-token.ts';
import { connectToRelay } from '../../node/relay-client.ts';
import { encodeCbor } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { toBase64Url } from '../../shared/bytes/text.ts';
import { encodeRequest, type Request as Message } from '../../shared/consensus/message.ts';
import { encodeBlock } from '../../shared/ledger/block.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { receive } from '../../shared/replica/receive.ts';
import { standingOf } from '../../shared/replica/tell.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = [{ member: 'alpha', name: 'user', roles: ['counter.user'] }];
const HOSTILE = 'delta';
let network: LocalNetwork;
let door: Awaited<ReturnType<typeof listen>>;
let handle: (request: Request) => Promise<Response>;
let log: Record<string, unknown>[] = [];
const agent = new Agent({ connections: 64 });

before(async () => {
  network = await LocalNetwork.open({
    ...{ members: MEMBERS, catalog: counterCatalog, identities: IDENTITIES },
  });
  const { ledger } = network;
  const keysOf = (member: string) => [network.keys.get(`${member}/node`)!.jwk];
  const line = (fields: object, message: string) => void log.push({ ...fields, message });
  const handler = peerHandler({
    verify: peerTokenVerifier({ ledger, audience: 'alpha', now: Date.now, keysOf }),
    receive: (from, message) => receive(network.node('alpha').replica, from, message),
    guard: peerGuard({ log: { warn: line, error: line } }),
  });
  handle = handler.handle;
  door = await listen(handle, { host: '127.0.0.1', port: 0, door: peerDoor(handler) });
  await raise();
});
after(async () => {
  await agent.destroy();
  await door.close();
  network.close();
});

const tokenOf = (member: string, audience = 'alpha'): string =>
  issuePeerToken({
    ...{ member, audience, ledger: network.ledger, now: Date.now() },
    key: network.keys.get(`${member}/node`)!.privateKey,
  });
const tokens = new Map<string, string>();

async function send(message: Uint8Array, member = HOSTILE) {
  if (!tokens.has(member)) tokens.set(member, tokenOf(member));
  const { statusCode, headers, body } = await request(`${door.url}/peer`, {
    method: 'POST',
    dispatcher: agent,
    headers: { authorization: `Bearer ${tokens.get(member)}`, 'content-type': 'application/cbor' },
    body: message,
  });
  const bytes = Buffer.from(await body.arrayBuffer());
  const isProblem = headers['content-type'] === 'application/problem+json';
  const problem = isProblem ? JSON.parse(bytes.toString()) : undefined;
  return { status: statusCode, problem, retryAfter: headers['retry-after'] };
}

/** Commits a transaction by alpha's own node; answers how long it took. */
async function raise(): Promise<number> {
  const started = performance.now();
  const signed = network.signed('alpha/user', 'counter', 'raise', { name: 'x', by: 1 });
  const transaction = parseTransaction(signed);
  assert.ok(!(transaction instanceof Rejected));
  const status = await network.service('alpha').submit(transaction, 20_000);
  assert.ok(!(status instanceof Rejected) && status.status === 'committed');
  return performance.now() - started;
}

const standing = () => standingOf(network.node('alpha').replica);
const junk = (length = 64) => new Uint8Array(randomBytes(length));

function message(rest: object): Uint8Array {
  return encodeRequest({ standing: standing(), ...rest } as Message);
}

/** One message of each kind that no correct node sends, by what its refusal calls it. */
const GARBAGE: Readonly<Record<string, readonly [kind: string, make: () => Uint8Array]>> = {
  'random bytes': ['undecodable', () => junk(2000)],
  nothing: ['undecodable', () => new Uint8Array()],
  'CBOR of another shape': ['undecodable', () => encodeCbor([['tidings'], { a: 1 }, 'x'])],
  'CBOR that nests without end': ['undecodable', () => new Uint8Array(100_000).fill(0x81)],
  'a message of another kind': ['undecodable', () => encodeCbor(['gossip', 1, 2])],
  'a proposal that is no block': [
    'undecodable',
    () => message({ kind: 'proposal', block: junk(500), signature: junk() }),
  ],
  'a proposal with a bad signature': [
    'forged-proposal',
    () => {
      const { header } = network.node('alpha').replica.head;
      const { qc } = standing();
      const next = { ...header, author: HOSTILE, round: qc.round + 1, parentRound: qc.round };
      const block = { id: '' as Digest, header: next, transactions: [], qc, tc: null };
      return message({ kind: 'proposal', block: encodeBlock(block), signature: junk() });
    },
  ],
  'a timeout with a bad signature': [
    'forged-timeout',
    () => {
      const timeout = { validator: 3, round: 1, highQcRound: 0, signature: junk() };
      return message({ kind: 'timeout', timeout });
    },
  ],
  'transactions with bad signatures': [
    'forged-transaction',
    () => {
      const transactions = Array.from({ length: 50 }, () => {
        const signed = network.signed('alpha/user', 'counter', 'raise', { name: 'x', by: 1 });
        const forged = signed.replace(/[^.]*$/, toBase64Url(junk()));
        return (parseTransaction(forged) as Exclude<ReturnType<typeof parseTransaction>, Rejected>)
          .bytes;
      });
      return message({ kind: 'tidings', transactions, waiting: false });
    },
  ],
  'a certificate with bad signatures': [
    'forged-certificate',
    () => {
      const { qc } = standing();
      const signatures = [0, 1, 2].map((validator) => ({ validator, signature: junk() }));
      const forged = { ...standing(), qc: { ...qc, round: qc.round + 5, signatures } };
      return message({ kind: 'tidings', standing: forged, transactions: [], waiting: false });
    },
  ],
};

describe('a peer that sends garbage', () => {
  it('is refused with 400 and the kind of it, and each kind is logged once', async () => {
    for (const [what, [kind, make]] of Object.entries(GARBAGE)) {
      const { status, problem } = await send(make());
      assert.equal(status, 400, `${what}: ${JSON.stringify(problem)}`);
      assert.equal(problem.type, 'https://fuqi.dev/problems/bad-request');
      assert.equal(problem.got, kind, what);
    }
    const kinds = new Set(Object.values(GARBAGE).map(([kind]) => kind));
    assert.deepEqual(new Set(log.map(({ kind }) => kind)), kinds);
    assert.equal(log.length, kinds.size);
    for (const line of log) {
      assert.deepEqual([line.message, line.member], ['peer-message-refused', HOSTILE]);
    }
  });

  it('at speed is heard ten times a second, while all others are, and the ledger commits', async () => {
    log = [];
    const made = Object.values(GARBAGE).map(([, make]) => make());
    const heap = await heapMb();
    let [sent, heard] = [0, 0];
    let isOver = false;
    const started = performance.now();
    const flood = Array.from({ length: 64 }, async () => {
      while (!isOver) {
        const { status, problem, retryAfter } = await send(made[sent++ % made.length]!);
        if (status === 400) heard++;
        // What was made before the rounds went on is no news now, and cheap.
        else if (status !== 200) {
          assert.deepEqual([status, problem.code, retryAfter], [429, 'rate-limited', '1']);
        }
      }
    });
    const took: number[] = [];
    try {
      while (performance.now() - started < 2000) took.push(await raise());
      const fine = message({ kind: 'tidings', transactions: [], waiting: false });
      for (let count = 0; count < 20; count++) assert.equal((await send(fine, 'beta')).status, 200);
    } finally {
      isOver = true;
      await Promise.all(flood);
    }
    const seconds = (performance.now() - started) / 1000;
    assert.ok(sent > 3 * heard, `of ${sent} messages ${heard} were looked at`);
    assert.ok(heard <= 50 + 64 + 11 * seconds, `${heard} were looked at in ${seconds} s`);
    took.sort((a, b) => a - b);
    assert.ok(took[took.length >> 1]! < 1000, `a commit took ${took[took.length >> 1]} ms`);
    assert.ok((await heapMb()) - heap < 150);
    assert.deepEqual(log, [], 'it was said a moment ago');
  });

  it('is heard again when it stops', async () => {
    const fine = () => message({ kind: 'tidings', transactions: [], waiting: false });
    await until(async () => (await send(fine())).status === 200, 2000);
    for (let count = 0; count < 20; count++) assert.equal((await send(fine())).status, 200);
  });

  it('gets through the relay no further', async () => {
    const relay = await fakeRelay();
    const { keys, ledger } = network;
    const client = connectToRelay({
      ...{ gateway: relay.url, socket: relay.url.replace('http', 'ws'), consortium: 'demo' },
      ...{ member: 'alpha', ledger, peerKey: keys.get('alpha/node')!.privateKey },
      ...{ handle, onConnected: () => {}, log: pino({ level: 'silent' }) },
    });
    await until(() => relay.socket !== undefined);
    const authorization = `Bearer ${tokenOf(HOSTILE)}`;
    for (let count = 0; count < 300; count++) {
      const id = crypto.randomUUID();
      relay.ring(
        JSON.stringify({ id, authorization, message: randomBytes(50).toString('base64') }),
      );
    }
    // What is no ring at all is let go.
    relay.ring('{"id": 1}');
    relay.ring('no JSON');
    await until(() => relay.statuses.length === 300);
    const refused = relay.statuses.filter((status) => status === '429').length;
    assert.ok(refused > 200, `${refused} were not looked at`);
    assert.ok(relay.statuses.every((status) => status === '400' || status === '429'));
    assert.ok((await raise()) < 2000);
    client.stop();
    relay.close();
  });
});

async function heapMb(): Promise<number> {
  await new Promise(setImmediate);
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1024 ** 2;
}

/** A relay's WebSocket and its door for replies, as far as a node's client needs them. */
async function fakeRelay() {
  const statuses: string[] = [];
  const self = {
    ...{ statuses, url: '', socket: undefined as Duplex | undefined },
    /** One unmasked text frame (RFC 6455 §5.2). */
    ring(text: string): void {
      const payload = Buffer.from(text);
      const { length } = payload;
      const head = length < 126 ? [0x81, length] : [0x81, 126, length >> 8, length & 0xff];
      self.socket!.write(Buffer.concat([Buffer.from(head), payload]));
    },
    close(): void {
      self.socket?.destroy();
      server.closeAllConnections();
      server.close();
    },
  };
  const server = createServer((asked, response) => {
    statuses.push(new URL(asked.url!, 'http://x').searchParams.get('status') ?? '');
    asked.resume().on('end', () => response.writeHead(204).end());
  });
  server.on('upgrade', ({ headers }, socket: Duplex) => {
    const accept = createHash('sha1')
      .update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
      .digest('base64');
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
    );
    socket.on('error', () => {});
    self.socket = socket;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  self.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return self;
}
