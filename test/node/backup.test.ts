/** Backup and restore: of a consortium of one in this process, and of real processes under load. */
import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { pino } from 'pino';
import { backUp } from '../../node/backup.ts';
import type { LocalConsortium } from '../../node/local-layout.ts';
import {
  restartProcess,
  running,
  startProcesses,
  stopProcesses,
} from '../../node/local-processes.ts';
import { provision } from '../../node/local-provision.ts';
import { nodeFiles } from '../../node/node-files.ts';
import { restore } from '../../node/restore.ts';
import { startNode } from '../../node/server.ts';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { SOLO } from '../support/solo.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const home = temporaryFolder();
const silent = pino({ level: 'silent' });
const DATA = 'data.mdb';

async function payAt(
  url: string,
  key: string,
  consortium: string,
  payee: string,
  reference: string,
) {
  const response = await fetch(`${url}/v1/consortia/${consortium}/payments`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ reference, payee, currency: 'CNY', amount: 100 }),
  });
  await response.text();
  return response.status;
}

describe('a backup of a ledger with one validator', () => {
  const layout = provision(home, SOLO, 1);
  const files = layout.member('all');
  const folder = path.dirname(files.config);
  const config = JSON.parse(readFileSync(files.config, 'utf8'));
  writeFileSync(
    files.config,
    JSON.stringify({ ...config, listen: { host: '127.0.0.1', port: 0 } }),
  );
  const key = JSON.parse(readFileSync(layout.keyRing, 'utf8')).keys['all/platform'];
  const backup = path.join(home, 'backup');
  const flags = { full: true, acceptLoss: true };
  const refused = (promise: Promise<unknown>, pattern: RegExp) =>
    assert.rejects(promise, (error: Error) => {
      assert.match(error.message, pattern);
      assert.equal(error.message.split('\n').length, 1);
      return true;
    });

  it('is made while the node runs, is whole, and holds no key', async () => {
    await refused(backUp(nodeFiles(folder), backup, new Date()), /was never started/);
    const node = await startNode(files.config, silent);
    const pay = (reference: string) => payAt(node.url, key, 'solo', 'all', reference);
    for (let index = 0; index < 5; index++) assert.equal(await pay(`before-${index}`), 200);
    const manifest = await backUp(nodeFiles(files.data), backup, new Date());
    assert.equal(await pay('after'), 200);
    await node.stop();
    assert.equal(manifest.member, 'all');
    assert.ok(manifest.height >= 5);
    assert.deepEqual(readdirSync(backup).sort(), [DATA, 'genesis.json', 'manifest.json']);
    await refused(backUp(nodeFiles(files.config), backup, new Date()), /exists already/);
    await refused(
      backUp(nodeFiles(folder), path.join(files.config, 'below-a-file'), new Date()),
      /failed/,
    );
    assert.throws(() => nodeFiles(home), /is no node's folder/);
  });

  it('is not restored over a store, nor into another node, nor without the operator’s word', async () => {
    const node = nodeFiles(folder);
    await refused(restore(backup, node, flags), /is not empty: stop the node/);
    await refused(restore(home, node, flags), /is no backup/);
    renameSync(files.data, path.join(home, 'lost'));
    await refused(
      restore(backup, node, { ...flags, acceptLoss: false }),
      /one validator.*--accept-loss/,
    );
    const other = { ...node, config: { ...node.config, member: 'other' } };
    await refused(restore(backup, other, flags), /is of all's node, this is other's/);
    const genesis = JSON.parse(readFileSync(layout.genesis, 'utf8'));
    const genesisFile = path.join(home, 'other-genesis.json');
    writeFileSync(genesisFile, JSON.stringify({ ...genesis, time: genesis.time + 1 }));
    await refused(
      restore(backup, { ...node, genesisFile }, flags),
      /is of ledger .*this node's ledger is/,
    );
    assert.ok(!existsSync(files.data) && !existsSync(`${files.data}.restoring`));
  });

  it('is not restored where any byte of it is another', async () => {
    const node = nodeFiles(folder);
    const damaged = path.join(home, 'damaged');
    const damage = async (name: string, change: (bytes: Buffer) => Uint8Array, says: RegExp) => {
      rmSync(damaged, { recursive: true, force: true });
      cpSync(backup, damaged, { recursive: true });
      const file = path.join(damaged, name);
      writeFileSync(file, change(readFileSync(file)));
      await refused(restore(damaged, node, flags), says);
      assert.ok(!existsSync(files.data));
    };
    const flip = (at: number) => (bytes: Buffer) => {
      bytes[at]! ^= 1;
      return bytes;
    };
    await damage(DATA, flip(20_000), /data\.mdb is damaged: its SHA-256 is/);
    await damage(
      DATA,
      (bytes) => bytes.subarray(0, 5000),
      /data\.mdb is damaged: it has 5000 bytes/,
    );
    await damage('genesis.json', flip(5), /genesis\.json is damaged/);
    await damage('manifest.json', flip(3), /manifest of the backup .* is (wrong|not JSON)/);
    const manifest = JSON.parse(readFileSync(path.join(backup, 'manifest.json'), 'utf8'));
    const claim = { ...manifest, head: 'ab'.repeat(32) };
    await damage(
      'manifest.json',
      () => Buffer.from(JSON.stringify(claim)),
      /is not the manifest's head/,
    );
  });

  it('is restored where its operator accepts the loss, and goes on from there', async () => {
    const { checked } = await restore(backup, nodeFiles(folder), flags);
    assert.equal(checked.bodies, checked.height);
    assert.ok(checked.entries! > 10);
    const node = await startNode(files.config, silent);
    const pay = (reference: string) => payAt(node.url, key, 'solo', 'all', reference);
    try {
      assert.equal(await pay('before-4'), 422, 'what is in the backup is there');
      assert.equal(await pay('after'), 200, 'what came later is lost');
    } finally {
      await node.stop();
    }
    await (await startNode(files.config, silent)).stop();
  });
});

describe('a node of four', () => {
  const MEMBERS = ['north', 'east', 'south', 'west'];
  const PORT = 18_480;
  const consortium: LocalConsortium = {
    format: 'fuqi-local-1',
    name: 'four',
    parameters: { tenureRounds: 4, baseTimeoutMs: 500, timeoutMsMax: 1000 },
    members: MEMBERS.map((id) => ({
      id,
      name: id,
      identities: { platform: ['invoice.payment-platform'], seller: ['invoice.seller'] },
    })),
  };
  const layout = provision(home, consortium, PORT);
  const keys = JSON.parse(readFileSync(layout.keyRing, 'utf8')).keys;
  const west = layout.member('west');
  const westFolder = path.dirname(west.config);
  const backup = path.join(home, 'west-backup');
  after(() => stopProcesses(layout));

  const find = (name: string) => running(layout).find((one) => one.name === name);
  const urlOf = (name: string) => find(name)!.url;
  let payments = 0;
  const pay = (through = 'gateway') =>
    payAt(
      urlOf(through),
      keys[through === 'gateway' ? 'north/platform' : `${through}/platform`],
      'four',
      'north',
      `p-${++payments}`,
    );
  async function payMany(times: number): Promise<void> {
    for (let index = 0; index < times; index++) assert.equal(await pay(), 200);
  }
  async function end(name: string, signal: NodeJS.Signals): Promise<void> {
    process.kill(find(name)!.pid, signal);
    await until(() => find(name) === undefined);
  }
  const consensus = async (name: string) =>
    (await (await fetch(`${urlOf(name)}/v1/consortia/four/consensus`)).json()) as Record<
      string,
      unknown
    >;
  /** More rounds than a floor can be ahead: two tenures, each commit taking at least one. */
  const pastFloor = () => payMany(12);
  async function untilNeededAndThere(): Promise<void> {
    await until(async () => (await consensus('west')).state !== 'recovering');
    await pastFloor();
    await end('south', 'SIGKILL');
    await payMany(4);
    await restartProcess(layout, 'south');
  }

  it('is backed up under load, and votes again after an old backup was restored', async () => {
    await startProcesses(layout, consortium);
    await payMany(4);
    let isBackedUp = false;
    const statuses: number[] = [];
    const load = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isBackedUp) statuses.push(await pay());
      }),
    );
    const manifest = await fuqiJson('backup', westFolder, '--to', backup);
    isBackedUp = true;
    await load;
    assert.ok(manifest.height > 0);
    assert.ok(statuses.length > 0 && statuses.every((status) => status === 200));
    await payMany(8);

    await end('west', 'SIGTERM');
    const notEmpty = await fuqi('restore', backup, '--into', westFolder);
    assert.equal(notEmpty.code, 1);
    assert.match(notEmpty.stderr, /is not empty/);
    renameSync(west.data, path.join(home, 'west-lost'));
    const restored = await fuqiJson('restore', backup, '--into', west.data, '--full');
    assert.equal(restored.bodies, restored.height);
    assert.ok(restored.height >= manifest.height);
    await restartProcess(layout, 'west');
    assert.match(readFileSync(west.log, 'utf8'), /this store was restored from a backup/);
    await untilNeededAndThere();
  });

  it('asks before it votes when its folder was replaced in place by an older copy, or emptied', async () => {
    await end('west', 'SIGTERM');
    const copy = path.join(home, 'west-copy');
    cpSync(path.join(west.data, DATA), copy);
    await restartProcess(layout, 'west');
    await payMany(4);
    await end('west', 'SIGTERM');
    rmSync(west.data, { recursive: true });
    mkdirSync(west.data);
    cpSync(copy, path.join(west.data, DATA));
    await restartProcess(layout, 'west');
    assert.match(readFileSync(west.log, 'utf8'), /its data folder is an older copy/);
    await until(async () => (await consensus('west')).state !== 'recovering');
    await pastFloor();

    await end('west', 'SIGKILL');
    rmSync(west.data, { recursive: true });
    await restartProcess(layout, 'west');
    assert.match(readFileSync(west.log, 'utf8'), /its data folder was lost or emptied/);
    await untilNeededAndThere();
  });

  it('is needed and there after all nodes were killed at once and its folder was emptied', async () => {
    await Promise.all(MEMBERS.map((name) => end(name, 'SIGKILL')));
    rmSync(west.data, { recursive: true });
    mkdirSync(west.data);
    writeFileSync(west.log, '');
    await Promise.all(MEMBERS.map((name) => restartProcess(layout, name)));
    await payMany(2);
    assert.match(readFileSync(west.log, 'utf8'), /its data folder was lost or emptied/);
    await untilNeededAndThere();
  });
});
