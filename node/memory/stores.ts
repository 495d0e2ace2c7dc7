/** The four stores of one node, in memory. */
import type { NodeStores } from '../node-stores.ts';
import { memoryBlockStore } from './block-store.ts';
import { memoryHeadStore } from './head-store.ts';
import { memoryMempoolStore } from './mempool-store.ts';
import { memoryStateStore } from './state-store.ts';

/** Empty stores that live as long as the object. */
export function memoryStores(): NodeStores {
  return {
    heads: memoryHeadStore(),
    blocks: memoryBlockStore(),
    state: memoryStateStore(),
    mempool: memoryMempoolStore(),
    async close() {},
  };
}
