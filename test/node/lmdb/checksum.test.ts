/** Values that the disk changed: a store refuses to hand them out. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { open as openLmdb } from 'lmdb';
import { lmdbStores } from '../../../node/lmdb/stores.ts';
import type { NodeStores } from '../../../node/node-stores.ts';
import { sha256Hex } from '../../../shared/bytes/crypto.ts';
import type { Digest } from '../../../shared/bytes/digest.ts';
import { utf8 } from '../../../shared/bytes/text.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';

const folder = temporaryFolder();
const MARK = utf8('a value that is easily found in a file');
const id = sha256Hex(utf8('a block')) as Digest;
const range = { from: 'a', to: 'b', limit: 9 };

/** Each kind of value, stored and read. */
const KINDS: Readonly<
  Record<string, { put(to: NodeStores): Promise<unknown>; get(from: NodeStores): Promise<unknown> }>
> = {
  block: { put: ({ blocks }) => blocks.put(id, MARK), get: ({ blocks }) => blocks.get(id) },
  record: {
    put: ({ heads }) => heads.swap('safety', 0, { version: 1, bytes: MARK }),
    get: ({ heads }) => heads.read('safety'),
  },
  'held transaction': {
    put: ({ mempool }) => mempool.add([{ id, bytes: MARK }]),
    get: ({ mempool }) => mempool.list(),
  },
  'state value': {
    put: ({ state }) => state.write({ height: 1, values: [['a/b/c', MARK]], items: [] }),
    get: ({ state }) => state.get(['a/b/c'], 1),
  },
  'state value in a range': {
    put: ({ state }) => state.write({ height: 1, values: [['a/b/c', MARK]], items: [] }),
    get: ({ state }) => state.scan(range, 1),
  },
  item: {
    put: ({ state }) => state.write({ height: 1, values: [], items: [['tree', MARK]] }),
    get: ({ state }) => state.items(['tree']),
  },
};

const OTHER = utf8('another value that is as long as the first');
const otherId = sha256Hex(utf8('another block')) as Digest;

/** A second entry in a table, and a read of both. */
const SWAPS: Readonly<
  Record<
    string,
    {
      swap: { put(to: NodeStores): Promise<unknown> };
      get(from: NodeStores): Promise<unknown>;
    }
  >
> = {
  blocks: {
    swap: { put: ({ blocks }) => blocks.put(otherId, OTHER) },
    get: ({ blocks }) => Promise.all([id, otherId].map((one) => blocks.get(one))),
  },
  mempool: {
    swap: { put: ({ mempool }) => mempool.add([{ id: otherId, bytes: OTHER }]) },
    get: ({ mempool }) => mempool.list(),
  },
  state: {
    swap: { put: ({ state }) => state.write({ height: 1, values: [['a/b/d', OTHER]], items: [] }) },
    get: ({ state }) => state.get(['a/b/c', 'a/b/d'], 1),
  },
  items: {
    swap: { put: ({ state }) => state.write({ height: 1, values: [], items: [['leaf', OTHER]] }) },
    get: ({ state }) => state.items(['tree', 'leaf']),
  },
};

/** The same file by LMDB alone, as somebody would open it who changes what it holds. */
const rawStore = (at: string) => openLmdb({ path: at, noSubdir: false, maxDbs: 8 });

describe('a store whose disk has changed a value', () => {
  const opened: NodeStores[] = [];
  const open = (name: string): NodeStores => {
    const stores = lmdbStores(path.join(folder, name));
    opened.push(stores);
    return stores;
  };
  after(() => Promise.all(opened.map((stores) => stores.close())));

  for (const [kind, { put, get }] of Object.entries(KINDS)) {
    it(`refuses to hand out a changed ${kind}`, async () => {
      const stores = open(kind);
      await put(stores);
      await stores.close();
      const whole = open(kind);
      assert.notEqual(await get(whole), undefined);
      await whole.close();
      const file = path.join(folder, kind, 'data.mdb');
      const bytes = readFileSync(file);
      let found = 0;
      // A page that was written anew may still hold the value at its old place.
      for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at + 1)) {
        bytes[at + 5]! ^= 1;
        found++;
      }
      assert.ok(found > 0);
      writeFileSync(file, bytes);
      await assert.rejects(get(open(kind)), /^Error: The store is damaged \(a value has changed/);
    });
  }

  for (const [table, { swap, get }] of Object.entries(SWAPS)) {
    it(`refuses a value of “${table}” that is another key’s, whole with its checksum`, async () => {
      const stores = open(`swapped-${table}`);
      for (const { put } of Object.values(KINDS)) await put(stores);
      await swap.put(stores);
      // The block and the values of the state become durable with it.
      await stores.heads.swap('lease', 0, { version: 1, bytes: MARK });
      await stores.close();
      const root = rawStore(path.join(folder, `swapped-${table}`));
      const raw = root.openDB<Buffer, Buffer>({
        name: table,
        encoding: 'binary',
        keyEncoding: 'binary',
      });
      const [first, second] = [...raw.getRange({})].map(({ key, value }) => [
        key,
        Buffer.from(value),
      ]);
      await raw.put(first![0]!, second![1]!);
      await root.close();
      await assert.rejects(get(open(`swapped-${table}`)), /^Error: The store is damaged/);
    });
  }
});
