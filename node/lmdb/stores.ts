/** The stores of one node, in one LMDB environment in a folder of its own. */
import type { UsageStore } from '../../shared/ports/usage-store.ts';
import type { NodeStores } from '../node-stores.ts';
import { lmdbBlockStore } from './block-store.ts';
import { openEnvironment } from './environment.ts';
import { lmdbHeadStore } from './head-store.ts';
import { lmdbMempoolStore } from './mempool-store.ts';
import { lmdbStateStore } from './state-store.ts';
import { lmdbUsageStore } from './usage-store.ts';

/**
 * Opens a node's stores; the folder is made where it is missing. Throws an Error of one sentence
 * where the folder is in use by another process, can't be written, or holds a damaged store.
 */
export function lmdbStores(folder: string): NodeStores & { readonly usage: UsageStore } {
  const environment = openEnvironment(folder);
  return {
    heads: lmdbHeadStore(environment),
    blocks: lmdbBlockStore(environment),
    state: lmdbStateStore(environment),
    mempool: lmdbMempoolStore(environment),
    usage: lmdbUsageStore(environment),
    close: () => environment.close(),
  };
}
