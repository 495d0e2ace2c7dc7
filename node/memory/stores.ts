/** The four stores of one node, in memory. */
import type { Digest } from '../../shared/bytes/digest.ts';
import type { RecordName, VersionedRecord } from '../../shared/ports/head-store.ts';
import type { NodeStores } from '../node-stores.ts';
import { memoryBlockStore } from './block-store.ts';
import { memoryHeadStore } from './head-store.ts';
import { memoryMempoolStore } from './mempool-store.ts';
import { memoryStateStore, type Version } from './state-store.ts';

export interface MemoryStores extends NodeStores {
  /** Other stores with what these hold now, as a backup has it. */
  copy(): MemoryStores;
}

const nothing = () => ({
  records: new Map<RecordName, VersionedRecord>(),
  blocks: new Map<Digest, Uint8Array>(),
  versions: new Map<string, Version[]>(),
  items: new Map<string, Uint8Array>(),
  held: new Map<Digest, Uint8Array>(),
});

/** Stores that live as long as the object, empty unless told. */
export function memoryStores(contents = nothing()): MemoryStores {
  const { records, blocks, versions, items, held } = contents;
  return {
    heads: memoryHeadStore(records),
    blocks: memoryBlockStore(blocks),
    state: memoryStateStore(versions, items),
    mempool: memoryMempoolStore(held),
    async close() {},
    copy: () =>
      memoryStores({
        records: new Map(records),
        blocks: new Map(blocks),
        // The lists of versions change in place; the bytes in them never do.
        versions: new Map([...versions].map(([key, list]) => [key, [...list]])),
        items: new Map(items),
        held: new Map(held),
      }),
  };
}
