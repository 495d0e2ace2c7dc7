/** Thousands of connections that ask nothing, or never finish asking, over real sockets. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { after, describe, it } from 'node:test';
import { Agent, request } from 'undici';
import {
  CONNECTION_LIMITS,
  type ConnectionLimits,
  networkOf,
  withinOpenFiles,
} from '../../node/connections.ts';
import { listen } from '../../node/listen.ts';
import { provision } from '../../node/local-provision.ts';
import { sparingly } from '../../node/sparing-log.ts';
import { CLI } from '../support/fuqi.ts';
import { SOLO } from '../support/solo.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const HOST = '127.0.0.1';
const open = new Set<Socket>();
after(() => {
  for (const socket of open) socket.destroy();
});

/** A server that answers requests below `/hang` once it is released, and others at once. */
async function listenAndHang(connections?: ConnectionLimits) {
  const { promise: held, resolve: release } = Promise.withResolvers<void>();
  const server = await listen(
    async (asked) => {
      if (new URL(asked.url).pathname.startsWith('/hang')) await held;
      return new Response('ok');
    },
    { host: HOST, port: 0, connections },
  );
  return { server, release };
}

/** Opens a connection; it says what it is given, and no more. */
async function dial(url: string, text = '', from = HOST): Promise<Socket> {
  const { port } = new URL(url);
  const socket = connect({ port: Number(port), host: HOST, localAddress: from });
  open.add(socket);
  // One that is closed before it is used is what is tested.
  socket.on('error', () => {});
  socket.once('close', () => open.delete(socket));
  await once(socket, 'connect');
  if (text !== '') socket.write(text);
  return socket;
}

async function dialMany(count: number, url: string, text = '', from = HOST): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let at = 0; at < count; at += 100) {
    const some = Array.from({ length: Math.min(100, count - at) }, () => dial(url, text, from));
    sockets.push(...(await Promise.all(some)));
  }
  return sockets;
}

const isOpen = (socket: Socket): boolean => !socket.closed && !socket.destroyed;
const HEAD = 'GET / HTTP/1.1\r\nhost: x\r\n';

async function ask(url: string, path = '/', agent?: Agent): Promise<number> {
  const { statusCode, body } = await request(`${url}${path}`, {
    ...(agent && { dispatcher: agent }),
  });
  await body.dump();
  return statusCode;
}

describe('a node’s process', () => {
  it('commits and answers promptly beside 4000 idle connections and hundreds of half headers', async () => {
    const { max } = withinOpenFiles({ ...CONNECTION_LIMITS, max: 10_000 });
    const idle = Math.min(4000, max - 500);
    assert.ok(idle >= 1000, `this process may have only ${max} connections: raise "ulimit -n"`);
    const layout = provision(temporaryFolder(), SOLO, 1);
    const { config } = layout.member('all');
    const own = JSON.parse(readFileSync(config, 'utf8'));
    Object.assign(own.listen, { port: await freePort(), connections: { perAddress: 6000 } });
    writeFileSync(config, JSON.stringify(own));
    const url = `http://${own.listen.host}:${own.listen.port}`;
    const { keys } = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
    const child = spawn(process.execPath, [CLI, 'node', 'start', '--config', config], {
      stdio: 'ignore',
    });
    try {
      await until(() =>
        ask(url, '/healthz').then(
          (status) => status === 200,
          () => false,
        ),
      );
      const pay = async (reference: string): Promise<number> => {
        const started = performance.now();
        const response = await request(`${url}/v1/consortia/solo/payments`, {
          method: 'POST',
          headers: {
            authorization: `Bearer ${keys['all/platform']}`,
            'content-type': 'application/json',
            prefer: 'wait=20',
          },
          body: JSON.stringify({ reference, payee: 'all', currency: 'CNY', amount: 100 }),
        });
        await response.body.dump();
        assert.equal(response.statusCode, 200);
        return performance.now() - started;
      };
      for (let count = 0; count < 20; count++) await pay(`before-${count}`);
      const before = residentMb(child.pid!);
      const idlers = await dialMany(idle, url);
      const drippers = await dialMany(300, url, HEAD);
      let dripped = 0;
      const drip = setInterval(() => {
        for (const socket of drippers) if (isOpen(socket)) dripped += socket.write('x') ? 1 : 0;
      }, 100);
      const took: number[] = [];
      for (let count = 0; count < 50; count++) took.push(await pay(`beside-${count}`));
      clearInterval(drip);
      assert.ok(idlers.every(isOpen), 'there was room for all of them');
      assert.ok(dripped > 0);
      took.sort((a, b) => a - b);
      assert.ok(took[25]! < 500, `a payment takes ${took[25]} ms`);
      assert.ok(took.at(-1)! < 3000, `the slowest payment took ${took.at(-1)} ms`);
      const grown = residentMb(child.pid!) - before;
      assert.ok(grown < 200, `${grown} MB for ${idle + 300} connections`);
      for (const socket of [...idlers, ...drippers]) socket.destroy();
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });
});

describe('a server’s connections', () => {
  it('are cut off where no header comes, or one that never ends', async () => {
    const server = await listen(() => new Response('ok'), { host: HOST, port: 0, headersMs: 400 });
    const silent = await dial(server.url);
    const dripping = await dial(server.url, HEAD);
    const drip = setInterval(() => dripping.write('x'), 50);
    let answer = '';
    dripping.on('data', (chunk) => {
      answer += chunk;
    });
    silent.resume();
    await until(() => !isOpen(silent) && !isOpen(dripping), 5000);
    clearInterval(drip);
    assert.match(
      answer,
      /^HTTP\/1\.1 408 Request Timeout\r\ncontent-type: application\/problem\+json/,
    );
    const { type } = JSON.parse(answer.split('\r\n\r\n')[1]!);
    assert.equal(type, 'https://fuqi.dev/problems/request-timeout');
    await server.close();
  });

  it('that speak no HTTP, or too long headers, are told so and closed', async () => {
    const server = await listen(() => new Response('ok'), { host: HOST, port: 0 });
    const said: string[] = [];
    for (const text of ['\x16\x03\x01 tls?\r\n\r\n', `${HEAD}x: ${'y'.repeat(20_000)}\r\n\r\n`]) {
      const socket = await dial(server.url, text);
      let answer = '';
      socket.on('data', (chunk) => {
        answer += chunk;
      });
      await until(() => !isOpen(socket), 5000);
      const { type, status } = JSON.parse(answer.split('\r\n\r\n')[1]!);
      said.push(`${status} ${type}`);
    }
    const bad = 'https://fuqi.dev/problems/bad-request';
    assert.deepEqual(said, [`400 ${bad}`, `431 ${bad}`]);
    await server.close();
  });

  it('of one address above its bound take the place of its silent and idle ones', async () => {
    const warnings: object[] = [];
    const server = await listen(() => new Response('ok'), {
      ...{ host: HOST, port: 0, connections: { max: 100, perAddress: 20 } },
      log: { warn: (fields: object) => void warnings.push(fields) } as never,
    });
    const kept = new Agent({ connections: 1 });
    assert.equal(await ask(server.url, '/', kept), 200);
    const silent = await dialMany(60, server.url);
    assert.equal(await ask(server.url), 200);
    await until(() => silent.filter(isOpen).length <= 19);
    assert.ok(silent.slice(-10).every(isOpen), 'the latest stay');
    assert.equal(await ask(server.url, '/', kept), 200);
    // Said once, with the address and the limits.
    assert.deepEqual(warnings, [
      { ...{ address: HOST, connections: 20, ofAddress: 20 }, ...{ max: 100, perAddress: 20 } },
    ]);
    await kept.close();
    await server.close();
  });

  it('are cut off where they wait since before a moment, and no others', async () => {
    const { server, release } = await listenAndHang();
    const text = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
    const idle = new Agent({ connections: 1 });
    assert.equal(await ask(server.url, '/', idle), 200);
    const [before, answered] = await Promise.all([
      dial(server.url, text('/hang/1')),
      dial(server.url, text('/')),
    ]);
    // When this is answered, those before it have come.
    assert.equal(await ask(server.url), 200);
    const cutOff = server.underWay();
    const since = await dial(server.url, text('/hang/2'));
    assert.equal(await ask(server.url), 200);
    cutOff();
    await until(() => !isOpen(before));
    assert.ok(isOpen(since) && isOpen(answered));
    let said = '';
    since.on('data', (chunk) => {
      said += chunk;
    });
    release();
    await until(() => said.endsWith('ok'));
    assert.equal(await ask(server.url, '/', idle), 200);
    await idle.close();
    await server.close();
  });

  it('are shared between addresses where there are too many in all, also against endless requests', async () => {
    const { server, release } = await listenAndHang({ max: 40, perAddress: 30 });
    const hang = 'GET /hang HTTP/1.1\r\nhost: x\r\n\r\n';
    const busy = await dialMany(30, server.url, hang, '127.0.0.1');
    const more = await dialMany(10, server.url, hang, '127.0.0.3');
    const other = await dialMany(5, server.url, hang, '127.0.0.2');
    await until(() => busy.filter(isOpen).length === 25);
    assert.ok([...more, ...other].every(isOpen), 'who has few keeps them');
    release();
    await server.close();
  });

  it('of one IPv6 network count as one address’s', () => {
    assert.equal(networkOf('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
    assert.equal(networkOf('2001:db8::6'), '2001:db8:0:0::/64');
    assert.equal(networkOf('::1'), '0:0:0:0::/64');
    assert.equal(networkOf('fe80::1%eth0'), 'fe80:0:0:0::/64');
    assert.equal(networkOf('::ffff:10.0.0.1'), '10.0.0.1');
    assert.equal(networkOf('10.0.0.1'), '10.0.0.1');
  });
});

describe('a line that is logged sparingly', () => {
  it('stands once in a while, and says how many were like it', () => {
    const lines: unknown[] = [];
    let now = 0;
    const log = sparingly((fields, message) => lines.push([message, fields]), {
      now: () => now,
      quietMs: 100,
    });
    for (now = 0; now < 250; now += 10) log('a', { of: 'a' }, 'flood');
    log('b', {}, 'flood');
    assert.deepEqual(lines, [
      ['flood', { of: 'a' }],
      ['flood', { of: 'a', alike: 9 }],
      ['flood', { of: 'a', alike: 9 }],
      ['flood', {}],
    ]);
  });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, HOST);
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Resident memory of a process, as Linux says it. */
function residentMb(pid: number): number {
  const [, pages] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
  return (Number(pages) * 4096) / 1024 ** 2;
}
