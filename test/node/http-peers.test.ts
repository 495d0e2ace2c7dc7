/** The `Peers` port over HTTP, between real servers on loopback. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { type HttpPeersOptions, httpPeers, PEER_MESSAGE_BYTES_MAX } from '../../node/http-peers.ts';
import { publicJwkOf } from '../../node/key-file.ts';
import { peerDoor } from '../../node/peer-door.ts';
import { peerGuard } from '../../node/peer-guard.ts';
import { type PeerHandlerOptions, peerHandler } from '../../node/peer-handler.ts';
import { issuePeerToken, peerTokenVerifier } from '../../node/peer-token.ts';
import { BadMessage } from '../../shared/replica/bad-message.ts';
import { bytesOf, digestOf, plain } from '../ports/harness.ts';

const makeKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const keys = new Map(['alice', 'bob'].map((member) => [member, makeKey()]));
const keysOf = (member: string) => {
  const key = keys.get(member);
  return key ? [publicJwkOf(key)] : [];
};
const ledger = digestOf('ledger');

/** A server on a free port; closed with all its connections when the tests are over. */
async function listen(listener: RequestListener): Promise<{ server: Server; endpoint: string }> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { server, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

/** Behind what a member's messages are taken: the API alone, or the server's door with the API behind it. */
let host: 'api' | 'door';

/** A member's node: the handler mounted in an app, as a host does. */
function node(member: string, options: Partial<PeerHandlerOptions> = {}, path = '') {
  const app = new Hono().basePath(path);
  const handler = peerHandler({
    verify: peerTokenVerifier({ ledger, audience: member, keysOf, now: Date.now }),
    receive: async (from, message) => Buffer.concat([Buffer.from(`${from}:`), message]),
    ...options,
  });
  app.post('/peer', (context) => handler.handle(context.req.raw));
  const api = getRequestListener(app.fetch);
  const door = peerDoor(handler);
  if (host === 'api') return listen(api);
  return listen((request, response) => {
    if (!door(request, response)) void api(request, response);
  });
}

/** A client of a member; closed when the tests are over. */
function client(endpoint: string, options: Partial<HttpPeersOptions> = {}) {
  const peers = httpPeers({
    member: 'alice',
    ledger,
    keys: [keys.get('alice')!],
    endpointOf: (member) => (member === 'bob' ? endpoint : undefined),
    now: Date.now,
    ...options,
  });
  after(() => peers.close());
  return peers;
}

const message = bytesOf(1000, 1);

/** What a plain caller gets for a request with these headers and body. */
async function statusOf(
  endpoint: string,
  headers: Record<string, string>,
  body: Uint8Array = message,
): Promise<[number, string]> {
  const response = await fetch(`${endpoint}/peer`, {
    method: 'POST',
    headers: { 'content-type': 'application/cbor', ...headers },
    body: Buffer.from(body),
  });
  const { code } = (await response.json()) as { code: string };
  return [response.status, code];
}

const bearer = (options: Partial<Parameters<typeof issuePeerToken>[0]> = {}) => {
  const key = keys.get('alice')!;
  const now = Date.now();
  const token = issuePeerToken({ key, member: 'alice', audience: 'bob', ledger, now, ...options });
  return { authorization: `Bearer ${token}` };
};

for (const each of ['api', 'door'] as const)
  describe(`behind the ${each}`, () => {
    before(() => {
      host = each;
    });
    test('a message reaches the member’s node with its sender’s name, and the reply comes back', async () => {
      const { endpoint } = await node('bob');
      const peers = client(endpoint);
      const expected = Buffer.concat([Buffer.from('alice:'), message]);
      assert.deepEqual(plain(await peers.request('bob', message)), plain(expected));
      const many = await Promise.all(
        Array.from({ length: 50 }, () => peers.request('bob', message)),
      );
      for (const reply of many) assert.deepEqual(plain(reply), plain(expected));
    });

    test('two nodes ask each other; an endpoint may end in a slash or have a path', async () => {
      const bob = await node('bob');
      const alice = await node('alice', {}, '/nodes/alice');
      const fromBob = client(alice.endpoint, {
        member: 'bob',
        keys: [keys.get('bob')!],
        endpointOf: () => `${alice.endpoint}/nodes/alice/`,
      });
      const [toBob, toAlice] = await Promise.all([
        client(bob.endpoint).request('bob', Uint8Array.of(65)),
        fromBob.request('alice', Uint8Array.of(66)),
      ]);
      assert.equal(Buffer.from(toBob).toString(), 'alice:A');
      assert.equal(Buffer.from(toAlice).toString(), 'bob:B');
    });

    test('the largest messages and replies pass', async () => {
      const { endpoint } = await node('bob', { receive: async (_, bytes) => bytes });
      const large = bytesOf(PEER_MESSAGE_BYTES_MAX, 3);
      assert.deepEqual(plain(await client(endpoint).request('bob', large)), large);
    });

    test('a request without a token that is good here is answered 401', async () => {
      const { endpoint } = await node('bob');
      const refused = [
        {},
        { authorization: 'Bearer nonsense' },
        { authorization: 'Basic YWxpY2U6YWxpY2U=' },
        bearer({ audience: 'carol' }),
        bearer({ ledger: digestOf('another ledger') }),
        bearer({ now: Date.now() - 3_600_000 }),
        bearer({ key: makeKey() }),
        bearer({ member: 'mallory' }),
      ];
      for (const headers of refused) {
        assert.deepEqual(await statusOf(endpoint, headers), [401, 'unauthorized']);
      }
      await assert.rejects(
        client(endpoint, { keys: [makeKey()] }).request('bob', message),
        /no reply from member bob: it answered with status 401/,
      );
    });

    test('a body of another type or size, or one that is no message, is refused', async () => {
      const { endpoint } = await node('bob', {
        limits: { messageBytesMax: 10_000 },
        receive: async () => {
          throw new BadMessage('undecodable', 'not CBOR');
        },
      });
      const json = { ...bearer(), 'content-type': 'application/json' };
      assert.deepEqual(await statusOf(endpoint, json), [415, 'unsupported-media-type']);
      const large = bytesOf(10_001, 1);
      assert.deepEqual(await statusOf(endpoint, bearer(), large), [413, 'payload-too-large']);
      assert.deepEqual(await statusOf(endpoint, bearer()), [400, 'bad-request']);
      assert.deepEqual(await statusOf(endpoint, bearer(), new Uint8Array()), [400, 'bad-request']);
    });

    test('a body larger than it may be is refused though it does not say its length', async () => {
      const { endpoint } = await node('bob', { limits: { messageBytesMax: 10_000 } });
      const response = await fetch(`${endpoint}/peer`, {
        method: 'POST',
        headers: { 'content-type': 'application/cbor', ...bearer() },
        body: new Blob([new Uint8Array(20_000)]).stream(),
        duplex: 'half',
      } as RequestInit);
      assert.equal(response.status, 413);
    });

    test('a reply that does not come in time is a fault', async () => {
      const { endpoint } = await node('bob', { receive: () => new Promise(() => {}) });
      const started = performance.now();
      await assert.rejects(
        client(endpoint, { timeoutMs: 100 }).request('bob', message),
        /no reply from member bob: .*timeout/,
      );
      assert.ok(performance.now() - started < 5000);
    });

    test('a reply that is too large is a fault, whether it says its length or not', async () => {
      const declared = await listen((_, response) => {
        response.end(Buffer.alloc(PEER_MESSAGE_BYTES_MAX + 1));
      });
      await assert.rejects(
        client(declared.endpoint).request('bob', message),
        /no reply from member bob/,
      );
      const endless = await listen((_, response) => {
        const chunk = Buffer.alloc(1024 * 1024);
        const more = (): void => void response.write(chunk, (error) => error ?? more());
        more();
      });
      await assert.rejects(
        client(endless.endpoint).request('bob', message),
        /no reply from member bob/,
      );
    });

    test('a redirect is not followed', async () => {
      const { endpoint } = await node('bob');
      const redirecting = await listen((_, response) => {
        response.writeHead(307, { location: `${endpoint}/peer` }).end();
      });
      await assert.rejects(client(redirecting.endpoint).request('bob', message), /status 307/);
    });

    test('an unknown member, a closed port and a server that goes away in mid-reply are faults', async () => {
      const { server, endpoint } = await listen((_, response) => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('part', () => response.destroy());
      });
      const peers = client(endpoint);
      await assert.rejects(
        peers.request('carol', message),
        /member carol: its endpoint is not known/,
      );
      await assert.rejects(peers.request('bob', message), /no reply from member bob/);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await assert.rejects(peers.request('bob', message), (error: Error) => {
        assert.match(error.message, /no reply from member bob: .*ECONNREFUSED/);
        assert.doesNotMatch(error.message, /Bearer/);
        return true;
      });
    });

    test('a server that was restarted is reached again', async () => {
      const { server, endpoint } = await node('bob');
      const peers = client(endpoint);
      await peers.request('bob', message);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await assert.rejects(peers.request('bob', message));
      server.listen(Number(new URL(endpoint).port), '127.0.0.1');
      await once(server, 'listening');
      assert.ok((await peers.request('bob', message)).length > 0);
    });

    test('a token is renewed at half of its time, and is another for each member', async () => {
      const tokens: string[] = [];
      const { endpoint } = await listen((request, response) => {
        tokens.push(request.headers.authorization!);
        request.resume().on('end', () => response.end());
      });
      let now = Date.now();
      const peers = client(endpoint, { now: () => now, endpointOf: () => endpoint });
      await peers.request('bob', message);
      now += 29_000;
      await peers.request('bob', message);
      now += 2000;
      await peers.request('bob', message);
      await peers.request('carol', message);
      assert.equal(tokens[0], tokens[1]);
      assert.equal(new Set(tokens).size, 3);
    });

    test('a fault while a message is handled is told to the host, and not to the caller', async () => {
      const faults: [string, unknown][] = [];
      const { endpoint } = await node('bob', {
        receive: async () => {
          throw new Error('the disk is full');
        },
        guard: { ...peerGuard(), failed: (member, error) => faults.push([member, error]) },
      });
      const { encodeRequest } = await import('../../shared/consensus/message.ts');
      const qc = { epoch: 0, round: 0, block: digestOf('genesis'), signatures: [] };
      const request = encodeRequest({
        kind: 'blocks',
        after: 0,
        standing: { epoch: 0, height: 0, qc, tc: null, seen: null },
      });
      assert.deepEqual(await statusOf(endpoint, bearer(), request), [500, 'internal']);
      assert.equal(faults.length, 1);
      assert.equal(faults[0]?.[0], 'alice');
    });
  });
