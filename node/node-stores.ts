/** What a node keeps: one store for each port. `memory/stores.ts` and `lmdb/stores.ts` make them. */
import type { BlockStore } from '../shared/ports/block-store.ts';
import type { HeadStore } from '../shared/ports/head-store.ts';
import type { MempoolStore } from '../shared/ports/mempool-store.ts';
import type { StateStore } from '../shared/ports/state-store.ts';

export interface NodeStores {
  readonly heads: HeadStore;
  readonly blocks: BlockStore;
  readonly state: StateStore;
  readonly mempool: MempoolStore;
  /** Ends all use; resolves when everything written is durable and the folder is free. */
  close(): Promise<void>;
}
