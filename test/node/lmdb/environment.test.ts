/** What an LMDB folder refuses, and what survives a process that is killed. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { lmdbStores } from '../../../node/lmdb/stores.ts';
import { bytesOf, digestOf, plain } from '../../ports/harness.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const root = temporaryFolder();
const WRITER = join(import.meta.dirname, 'writer.ts');

/** Starts a process that writes into the folder and says what was answered to it, line by line. */
async function startWriter(folder: string): Promise<{
  writer: ChildProcess;
  lines: AsyncIterator<string>;
}> {
  const writer = spawn(process.execPath, [WRITER, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface(writer.stdout!)[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'open');
  return { writer, lines };
}

async function kill(writer: ChildProcess): Promise<void> {
  const exit = once(writer, 'exit');
  writer.kill('SIGKILL');
  await exit;
}

/** A folder with a store of about a megabyte in it, closed. */
async function filledFolder(name: string): Promise<string> {
  const folder = join(root, name);
  const stores = lmdbStores(folder);
  for (let index = 0; index < 20; index++) {
    await stores.blocks.put(digestOf(index), bytesOf(50_000, index));
    await stores.heads.swap('head', index, { version: index + 1, bytes: bytesOf(10, index) });
  }
  await stores.close();
  return folder;
}

test('what was answered survives a process that is killed, and its lock is taken over', async () => {
  const folder = join(root, 'killed');
  let version = 0;
  for (let round = 0; round < 3; round++) {
    const { writer, lines } = await startWriter(folder);
    let answered = version;
    for (let count = 0; count < 20; count++) answered = Number((await lines.next()).value);
    await kill(writer);
    // What was written to the pipe before the kill was answered, too.
    for (let line = await lines.next(); !line.done; line = await lines.next()) {
      answered = Number(line.value);
    }
    const stores = lmdbStores(folder);
    version = (await stores.heads.read('safety'))?.version ?? 0;
    assert.ok(version >= answered, `version ${version} after ${answered} was answered`);
    const held = (await stores.mempool.list()).map(({ id }) => id);
    for (let each = 1; each <= version; each++) {
      assert.deepEqual(plain(await stores.blocks.get(digestOf(each))), bytesOf(20_000, each));
      const [value] = await stores.state.get([`key/${each}`], each);
      assert.deepEqual(plain(value), bytesOf(100, each));
      if (each <= answered) assert.ok(held.includes(digestOf(`pending ${each}`)));
    }
    await stores.close();
  }
});

test('a folder in use by another process is refused, and that process is named', async () => {
  const folder = join(root, 'used');
  const { writer } = await startWriter(folder);
  assert.throws(() => lmdbStores(folder), {
    message: new RegExp(`^The folder ${folder} is in use by process ${writer.pid}; stop that`),
  });
  await kill(writer);
  await lmdbStores(folder).close();
});

test('a folder in use by this process is refused; closing frees it', async () => {
  const folder = join(root, 'twice');
  const stores = lmdbStores(folder);
  assert.throws(() => lmdbStores(folder), /is in use by process/);
  await stores.close();
  assert.equal(existsSync(join(folder, 'node.lock')), false);
  await lmdbStores(folder).close();
});

test('a lock left by a dead process, an older one with this id, or cut off, is taken over', async () => {
  const folder = join(root, 'stale');
  mkdirSync(folder);
  const stale = [
    JSON.stringify({ pid: 2 ** 22 + 1, started: '1' }),
    JSON.stringify({ pid: process.pid, started: 'before' }),
    JSON.stringify({ pid: process.ppid, started: 'before' }),
    '',
    'null',
  ];
  for (const lock of stale) {
    writeFileSync(join(folder, 'node.lock'), lock);
    await lmdbStores(folder).close();
  }
});

test('a folder that can not be used is refused in one sentence', () => {
  const file = join(root, 'file');
  writeFileSync(file, '');
  assert.throws(() => lmdbStores(join(file, 'node')), {
    message: new RegExp(`^The data folder ${file}/node can't be used \\(.*\\); name a folder that`),
  });
  if (process.getuid?.() === 0) return;
  const closed = join(root, 'closed');
  mkdirSync(closed);
  chmodSync(closed, 0o500);
  assert.throws(
    () => lmdbStores(closed),
    /can't be used .* name a folder that this user may write/,
  );
});

test('a damaged store is refused in one sentence, and its folder is free afterwards', async () => {
  const damages: readonly [string, RegExp, (file: string, size: number) => void][] = [
    ['short', /its first page is not LMDB’s/, (file) => truncateSync(file, 100)],
    ['one-page', /its second page is not LMDB’s/, (file) => truncateSync(file, 4096)],
    ['cut', /it has \d+ bytes and should have \d+/, (file, size) => truncateSync(file, size >> 1)],
    ['text', /its first page/, (file, size) => writeFileSync(file, 'A'.repeat(size))],
    ['zeros', /its first page/, (file, size) => writeFileSync(file, Buffer.alloc(size))],
    [
      'overwritten',
      /its page \d+ is not what it should be/,
      (file, size) =>
        writeSync(openSync(file, 'r+'), Buffer.alloc(size - 8192, 0xaa), 0, null, 8192),
    ],
  ];
  for (const [name, found, damage] of damages) {
    const folder = await filledFolder(name);
    const file = join(folder, 'data.mdb');
    damage(file, statSync(file).size);
    assert.throws(
      () => lmdbStores(folder),
      (error: Error) => {
        assert.match(error.message, new RegExp(`^The store ${file} is damaged \\(`));
        assert.match(error.message, found);
        return true;
      },
    );
    assert.equal(existsSync(join(folder, 'node.lock')), false);
  }
  const folder = join(root, 'directory');
  mkdirSync(join(folder, 'data.mdb'), { recursive: true });
  assert.throws(() => lmdbStores(folder), /is damaged \(it is no file\)/);
});

test('closing waits for what was asked for, and a closed store answers with an error', async () => {
  const folder = join(root, 'closing');
  const { blocks, heads, state, mempool, close } = lmdbStores(folder);
  await blocks.put(digestOf(1), bytesOf(100, 1));
  const asked = [
    heads.swap('head', 0, { version: 1, bytes: bytesOf(10, 1) }),
    mempool.add([{ id: digestOf(1), bytes: bytesOf(10, 1) }]),
  ];
  await Promise.all([close(), close(), ...asked]);
  const calls: (() => Promise<unknown>)[] = [
    () => heads.read('head'),
    () => heads.swap('head', 1, { version: 2, bytes: bytesOf(10, 1) }),
    () => blocks.get(digestOf(1)),
    () => blocks.put(digestOf(2), bytesOf(10, 1)),
    () => state.get(['a'], 1),
    () => state.write({ height: 1, values: [], items: [] }),
    () => mempool.list(),
    () => mempool.add([{ id: digestOf(2), bytes: bytesOf(10, 1) }]),
  ];
  for (const call of calls) await assert.rejects(call, /closed/);
  const again = lmdbStores(folder);
  assert.equal((await again.heads.read('head'))?.version, 1);
  assert.deepEqual(plain(await again.blocks.get(digestOf(1))), bytesOf(100, 1));
  assert.equal((await again.mempool.list()).length, 1);
  await again.close();
});

test('the lock file says which process holds the folder', async () => {
  const folder = join(root, 'said');
  const stores = lmdbStores(folder);
  const { pid } = JSON.parse(readFileSync(join(folder, 'node.lock'), 'utf8')) as { pid: number };
  assert.equal(pid, process.pid);
  await stores.close();
});
