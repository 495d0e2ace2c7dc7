/**
 * The state store in LMDB. A block's writes wait in memory for the swap that moves the head, and
 * share its transaction; who asks for them earlier makes them be written at once.
 */
import { utf8 } from '../../shared/bytes/text.ts';
import type {
  ScanRange,
  StateBatch,
  StateEntry,
  StateStore,
} from '../../shared/ports/state-store.ts';
import type { Environment } from './environment.ts';
import { Removals } from './removals.ts';
import type { Sealed, SealedTable } from './sealed-table.ts';
import {
  afterKey,
  atHeight,
  boundOf,
  heightOf,
  keyOf,
  sameKey,
  versionedKey,
} from './state-key.ts';

// The first byte of what is stored says whether the height deleted the value.
const DELETED = Uint8Array.of(0);
const LIVE = Uint8Array.of(1);

/** The state store of an open environment. */
export function lmdbStateStore(environment: Environment): StateStore {
  const values = environment.table('state');
  const items = environment.table('items');
  const waiting = new Set<StateBatch>();
  const waitingItems = new Map<string, Sealed>();
  const removedItems = new Removals<string>(environment, items, utf8);

  /** The first entry at or after a key. */
  const seek = values.seeker();

  function valueAt(key: string, at: number): Uint8Array | undefined {
    const start = versionedKey(key, at);
    const entry = seek(start);
    return entry && sameKey(entry.key, start) ? liveValue(entry.value) : undefined;
  }

  /** Whether a read at this height would miss what is waiting to be written. */
  function misses(at: number): boolean {
    for (const { height } of waiting) if (height <= at) return true;
    return false;
  }

  async function settle(at: number): Promise<void> {
    if (misses(at)) await environment.commit(async () => {});
  }

  function scanAt({ from, to, limit }: ScanRange, at: number): StateEntry[] {
    const end = boundOf(to);
    const found: StateEntry[] = [];
    let entry = seek(boundOf(from));
    while (entry && found.length < limit && Buffer.compare(entry.key, end) < 0) {
      if (heightOf(entry.key) > at) {
        // Hot keys have many versions, so the reader jumps over the newer ones.
        const older = seek(atHeight(entry.key, at));
        if (older && !sameKey(older.key, entry.key)) {
          entry = older;
          continue;
        }
        if (!older) break;
        entry = older;
      }
      const value = liveValue(entry.value);
      if (value) found.push({ key: keyOf(entry.key), value });
      entry = seek(afterKey(entry.key));
    }
    return found;
  }

  function item(name: string): Uint8Array | undefined {
    if (removedItems.has(name)) return undefined;
    const content = waitingItems.get(name);
    return content ? new Uint8Array(content.value) : items.get(utf8(name));
  }

  return {
    async write(batch) {
      const { entries, named, bytes } = encodeBatch(batch, values, items);
      waiting.add(batch);
      for (const { name, sealed } of named) {
        removedItems.cancel(name);
        waitingItems.set(name, sealed);
      }
      await environment.later({
        bytes,
        write: () =>
          Promise.all([
            ...entries.map(([key, sealed]) => values.put(key, sealed)),
            ...named.map(({ key, sealed }) => items.put(key, sealed)),
          ]),
        written: () => {
          waiting.delete(batch);
          for (const { name, sealed } of named) {
            if (waitingItems.get(name) === sealed) waitingItems.delete(name);
          }
        },
      });
    },
    async get(keys, at) {
      await settle(at);
      return keys.map((key) => valueAt(key, at));
    },
    async scan(range, at) {
      await settle(at);
      return scanAt(range, at);
    },
    async items(names) {
      return names.map(item);
    },
    now: {
      value: (key, at) => (misses(at) ? undefined : (valueAt(key, at) ?? null)),
      scan: (range, at) => (misses(at) ? undefined : scanAt(range, at)),
      item,
    },
    removeItems: (names) => removedItems.remove(names),
  };
}

const liveValue = (stored: Uint8Array): Uint8Array | undefined =>
  stored[0] === LIVE[0] ? stored.subarray(1) : undefined;

/** Copies a batch into what LMDB takes: the caller may reuse its bytes before they are written. */
function encodeBatch(batch: StateBatch, values: SealedTable, items: SealedTable) {
  let bytes = 0;
  const entries = batch.values.map(([key, value]): [Uint8Array, Sealed] => {
    if (key.includes('\0')) throw new Error('a state key holds a NUL');
    const name = versionedKey(key, batch.height);
    const sealed = value ? values.seal(name, value, LIVE) : values.seal(name, DELETED);
    bytes += name.length + sealed.stored.length;
    return [name, sealed];
  });
  const named = batch.items.map(([name, content]) => {
    bytes += name.length + content.length;
    const key = utf8(name);
    return { name, key, sealed: items.seal(key, content) };
  });
  return { entries, named, bytes };
}
