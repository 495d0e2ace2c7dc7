/** The stores of one node, in one LMDB environment in a folder of its own. */
import { statSync } from 'node:fs';
import path from 'node:path';
import type { AttachmentStore } from '../../shared/ports/attachment-store.ts';
import type { LedgerUsageStore } from '../../shared/ports/ledger-usage-store.ts';
import type { UsageStore } from '../../shared/ports/usage-store.ts';
import type { VaultStore } from '../../shared/ports/vault-store.ts';
import type { NodeStores } from '../node-stores.ts';
import { lmdbAttachmentStore } from './attachment-store.ts';
import { lmdbBlockStore } from './block-store.ts';
import { type OnStoreFault, openEnvironment } from './environment.ts';
import { lmdbHeadStore } from './head-store.ts';
import { lmdbLedgerUsageStore } from './ledger-usage-store.ts';
import { lmdbMempoolStore } from './mempool-store.ts';
import { lmdbStateStore } from './state-store.ts';
import { lmdbUsageStore } from './usage-store.ts';
import { lmdbVaultStore } from './vault-store.ts';

export interface LmdbStores extends NodeStores {
  readonly usage: UsageStore;
  readonly ledgerUsage: LedgerUsageStore;
  readonly vault: VaultStore;
  readonly attachments: AttachmentStore;
  /** Size of the file that holds all of it. */
  bytes(): Promise<number>;
}

/**
 * Opens a node's stores; the folder is made where it is missing. Throws an Error of one sentence
 * where the folder is in use by another process, can't be written, or holds a damaged store.
 */
export function lmdbStores(folder: string, onFault?: OnStoreFault): LmdbStores {
  const environment = openEnvironment(folder, onFault);
  return {
    heads: lmdbHeadStore(environment),
    blocks: lmdbBlockStore(environment),
    state: lmdbStateStore(environment),
    mempool: lmdbMempoolStore(environment),
    usage: lmdbUsageStore(environment),
    ledgerUsage: lmdbLedgerUsageStore(environment),
    vault: lmdbVaultStore(environment),
    attachments: lmdbAttachmentStore(environment),
    bytes: async () => statSync(path.join(folder, 'data.mdb')).size,
    close: () => environment.close(),
  };
}
