/** One node of a consortium of one: what it needs to start, and how it ends. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { startGateway } from '../../node/gateway-server.ts';
import { localLayout } from '../../node/local-layout.ts';
import { provision } from '../../node/local-provision.ts';
import { type RunningNode, startNode } from '../../node/server.ts';
import { decodeRecord, encodeRecord } from '../../shared/consensus/record.ts';
import type { VerifiedQc } from '../../shared/consensus/validators.ts';
import { CLI } from '../support/fuqi.ts';
import { SOLO } from '../support/solo.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const home = temporaryFolder();
const layout = provision(home, SOLO, 1);
const files = layout.member('all');
const folder = path.dirname(files.config);
const { keys } = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
const silent = pino({ level: 'silent' });

const ownConfig = JSON.parse(readFileSync(files.config, 'utf8'));
// Any free port: the system chooses.
ownConfig.listen.port = 0;
writeFileSync(files.config, JSON.stringify(ownConfig));

/** A configuration beside the node's own that differs in some fields. */
function configWith(change: object): string {
  const file = path.join(folder, 'changed.json');
  writeFileSync(file, JSON.stringify({ ...ownConfig, ...change }));
  return file;
}

const refused = (config: string, pattern: RegExp): Promise<void> =>
  assert.rejects(startNode(config, silent), (error: Error) => {
    assert.match(error.message, pattern);
    assert.equal(error.message.split('\n').length, 1, 'it is one sentence');
    return true;
  });

/** Starts the node, uses it, and stops it whatever happens. */
async function withNode(use: (node: RunningNode) => Promise<void>): Promise<void> {
  const node = await startNode(files.config, silent);
  try {
    await use(node);
  } finally {
    await node.stop();
  }
}

const pay = (
  url: string,
  reference: string,
  key: string = keys['all/platform'],
): Promise<Response> =>
  fetch(`${url}/v1/consortia/solo/payments`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({ reference, payee: 'all', currency: 'CNY', amount: 100 }),
  });

describe('a node', () => {
  it('serves its API, stops, and goes on from its store', async () => {
    await withNode(async ({ url }) => {
      const health = (await (await fetch(`${url}/healthz`)).json()) as Record<string, unknown>;
      assert.equal(health.status, 'ok');
      assert.equal(health.member, 'all');
      assert.equal((await pay(url, 'first')).status, 200);
    });
    await withNode(async ({ url }) => {
      assert.equal((await fetch(`${url}/v1/consortia/solo/payments/first`)).status, 200);
      assert.equal((await pay(url, 'first')).status, 422);
    });
  });

  it('lets nobody in at the peers’ door without a token', async () => {
    await withNode(async ({ url }) => {
      const headers = { 'content-type': 'application/cbor' };
      const { status } = await fetch(`${url}/peer`, { method: 'POST', headers, body: 'x' });
      assert.equal(status, 401);
    });
  });

  it('is reached through a gateway', async () => {
    await withNode(async ({ url }) => {
      const file = layout.gateway.config;
      const config = JSON.parse(readFileSync(file, 'utf8'));
      config.listen.port = 0;
      config.members = [{ id: 'all', endpoint: url }];
      writeFileSync(file, JSON.stringify(config));
      const gateway = await startGateway(file, silent);
      assert.equal((await pay(gateway.url, 'through-the-gateway')).status, 200);
      await gateway.close();
    });
  });

  it('refuses a port in use, and leaves its store to the next start', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await refused(
      configWith({ listen: { host: '127.0.0.1', port } }),
      new RegExp(`^Port ${port} on 127\\.0\\.0\\.1 is in use`),
    );
    server.close();
    await withNode(async () => {});
  });

  it('refuses a data folder that a running node uses', async () => {
    await withNode(async () => {
      await refused(files.config, /in use by process \d+/);
    });
  });

  it('refuses a data folder that can’t be made', async () => {
    await refused(configWith({ data: 'config.json/data' }), /data folder .* can't be used/);
  });

  it('refuses a wrong passphrase, and does not repeat it', async () => {
    writeFileSync(path.join(folder, 'wrong'), 'correct horse\n');
    await refused(
      configWith({ passphraseFile: 'wrong' }),
      /^(?!.*correct horse).*the passphrase is wrong or it is damaged/,
    );
  });

  it('refuses a store of another ledger', async () => {
    const genesis = JSON.parse(readFileSync(layout.genesis, 'utf8'));
    writeFileSync(
      path.join(folder, 'other-genesis.json'),
      JSON.stringify({ ...genesis, time: genesis.time + 1 }),
    );
    await refused(
      configWith({ genesis: 'other-genesis.json' }),
      /the store holds ledger [0-9a-f]{64}, the genesis document is ledger [0-9a-f]{64}/,
    );
  });

  it('refuses an older copy of its data folder, and takes the newest back', async () => {
    const [older, newest] = ['older', 'newest'].map((name) => path.join(home, name)) as [
      string,
      string,
    ];
    cpSync(files.data, older, { recursive: true });
    await withNode(async ({ url }) => assert.equal((await pay(url, 'newer')).status, 200));
    renameSync(files.data, newest);
    cpSync(older, files.data, { recursive: true });
    await refused(
      files.config,
      /older copy \(safety record \d+, seen \d+\).*one validator.*--accept-loss/,
    );
    rmSync(files.data, { recursive: true });
    renameSync(newest, files.data);
    await withNode(async ({ url }) => assert.equal((await pay(url, 'newest')).status, 200));
  });

  it('refuses a damaged store, an emptied one, and one without its identity', async () => {
    const kept = path.join(home, 'kept');
    cpSync(files.data, kept, { recursive: true });
    const data = path.join(files.data, 'data.mdb');
    const bytes = readFileSync(data);
    writeFileSync(data, bytes.fill(0, 0, 8192));
    await refused(files.config, /data\.mdb is damaged/);
    rmSync(files.data, { recursive: true });
    await refused(files.config, /data folder was lost or emptied.*one validator/);
    rmSync(files.data, { recursive: true });
    renameSync(kept, files.data);
    renameSync(files.storeIdentity, kept);
    await refused(files.config, /store-identity is missing.*one validator/);
    renameSync(kept, files.storeIdentity);
    await withNode(async () => {});
  });

  it('says so where somebody else changed its store, and works no further', async () => {
    const own = provision(temporaryFolder(), SOLO, 1);
    const { config } = own.member('all');
    const changed = JSON.parse(readFileSync(config, 'utf8'));
    writeFileSync(config, JSON.stringify({ ...changed, listen: { ...changed.listen, port: 0 } }));
    const superseded = Promise.withResolvers<void>();
    const onSuperseded = () => superseded.resolve();
    const node = await startNode(config, silent, { onSuperseded });
    try {
      const { heads } = node.replica.ports;
      const stored = await heads.read('safety');
      const record = decodeRecord(stored!.bytes);
      const version = record.version + 1;
      // As another process leaves it that has certified a block of its own.
      const highQc = { ...record.highQc, round: 7, block: '77'.repeat(32) };
      const bytes = encodeRecord({ ...record, version, highQc: highQc as unknown as VerifiedQc });
      assert.ok(await heads.swap('safety', stored!.version, { version, bytes }));
      const platform = JSON.parse(readFileSync(own.keyRing, 'utf8')).keys['all/platform'];
      const refused = assert.rejects(pay(node.url, 'superseded', platform));
      await superseded.promise;
      assert.ok(node.replica.stopped);
      await node.stop();
      await refused;
    } finally {
      await node.stop();
    }
  });

  it('starts again when its first start was cut short', async () => {
    const cut = localLayout(home, 'cut');
    provision(home, { ...SOLO, name: 'cut' }, 1);
    const { config, data, storeIdentity } = cut.member('all');
    writeFileSync(config, JSON.stringify(ownConfig));
    writeFileSync(storeIdentity, 'new 6d3c1f5e-0000-4000-8000-000000000000\n');
    const node = await startNode(config, silent);
    await node.stop();
    assert.equal(readFileSync(storeIdentity, 'utf8'), '6d3c1f5e-0000-4000-8000-000000000000\n');
    rmSync(data, { recursive: true });
    await refused(config, /data folder was lost or emptied/);
  });

  it('warns when its keys are not the member’s on the ledger', async () => {
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
    const swapped = { ...ownConfig.keys, node: ownConfig.keys.peer, peer: ownConfig.keys.node };
    await (await startNode(configWith({ keys: swapped }), log)).stop();
    assert.match(lines.join(''), /the node key of this node is not the member’s on the ledger/);
    assert.match(lines.join(''), /the peer key of this node is not the member’s on the ledger/);
    lines.length = 0;
    await (await startNode(files.config, log)).stop();
    assert.deepEqual(lines, []);
  });
});

describe('the process of a node', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`ends in order at ${signal}`, async () => {
      const child = spawn(process.execPath, [CLI, 'node', 'start', '--config', files.config]);
      let log = '';
      child.stderr.on('data', (chunk) => {
        log += chunk;
      });
      await until(() => log.includes('node started'));
      child.kill(signal);
      const [code] = await once(child, 'exit');
      assert.equal(code, 0);
      const events = log
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).msg);
      assert.deepEqual(events, ['node started', 'stopping']);
    });
  }

  it('says in one line why it can’t start, with exit code 1', async () => {
    const config = configWith({ genesis: 'nowhere.json' });
    const child = spawn(process.execPath, [CLI, 'node', 'start', '--config', config]);
    let log = '';
    child.stderr.on('data', (chunk) => {
      log += chunk;
    });
    const [code] = await once(child, 'close');
    assert.equal(code, 1);
    assert.match(log, /^The genesis document .*nowhere\.json can't be read: ENOENT[^\n]*\n$/);
  });
});
