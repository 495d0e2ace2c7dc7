/** The state store of a node that forgets everything when it ends: for tests and simulation. */
import { utf8 } from '../../shared/bytes/text.ts';
import type { ScanRange, StateEntry, StateStore } from '../../shared/ports/state-store.ts';

/** One value of a key; null where that height deleted it. */
export interface Version {
  readonly height: number;
  readonly value: Uint8Array | null;
}

/** A state store in memory, empty unless told; the versions of a key stand newest first. */
export function memoryStateStore(
  versions = new Map<string, Version[]>(),
  items = new Map<string, Uint8Array>(),
): StateStore {
  /** All keys in the order of their bytes; rebuilt by the first scan after a key was added. */
  let ordered: { readonly key: string; readonly bytes: Uint8Array }[] | undefined;

  function valueAt(key: string, at: number): Uint8Array | undefined {
    const version = versions.get(key)?.find(({ height }) => height <= at);
    return version?.value ? new Uint8Array(version.value) : undefined;
  }

  function insert(key: string, version: Version): void {
    const known = versions.get(key);
    if (!known) {
      versions.set(key, [version]);
      ordered = undefined;
      return;
    }
    const found = known.findIndex(({ height }) => height <= version.height);
    const index = found < 0 ? known.length : found;
    known.splice(index, known[index]?.height === version.height ? 1 : 0, version);
  }

  function scanAt(range: ScanRange, at: number): StateEntry[] {
    ordered ??= [...versions.keys()]
      .map((key) => ({ key, bytes: utf8(key) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
    const from = utf8(range.from);
    const to = utf8(range.to);
    const entries: StateEntry[] = [];
    for (let index = lowerBound(ordered, from); index < ordered.length; index++) {
      const { key, bytes } = ordered[index]!;
      if (entries.length >= range.limit || Buffer.compare(bytes, to) >= 0) break;
      const value = valueAt(key, at);
      if (value) entries.push({ key, value });
    }
    return entries;
  }

  function item(name: string): Uint8Array | undefined {
    const bytes = items.get(name);
    return bytes && new Uint8Array(bytes);
  }

  return {
    async write(batch) {
      for (const [key, value] of batch.values) {
        insert(key, { height: batch.height, value: value && new Uint8Array(value) });
      }
      for (const [name, bytes] of batch.items) items.set(name, new Uint8Array(bytes));
    },
    async get(keys, at) {
      return keys.map((key) => valueAt(key, at));
    },
    async scan(range, at) {
      return scanAt(range, at);
    },
    async items(names) {
      return names.map(item);
    },
    now: {
      value: (key, at) => valueAt(key, at) ?? null,
      scan: scanAt,
      item,
    },
    async removeItems(names) {
      for (const name of names) items.delete(name);
    },
  };
}

/** Index of the first key that is not below `from`. */
function lowerBound(keys: readonly { readonly bytes: Uint8Array }[], from: Uint8Array): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (Buffer.compare(keys[middle]!.bytes, from) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
