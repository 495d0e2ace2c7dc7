/** The suites of the store ports, run by the adapters in LMDB. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lmdbStores } from '../../node/lmdb/stores.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import type { AttachmentStore } from '../../shared/ports/attachment-store.ts';
import type { LedgerUsageStore } from '../../shared/ports/ledger-usage-store.ts';
import type { UsageStore } from '../../shared/ports/usage-store.ts';
import type { VaultStore } from '../../shared/ports/vault-store.ts';
import { attachmentStoreSuite } from './attachment-store.suite.ts';
import { blockStoreSuite } from './block-store.suite.ts';
import type { Harness } from './harness.ts';
import { headStoreSuite } from './head-store.suite.ts';
import { ledgerUsageStoreSuite } from './ledger-usage-store.suite.ts';
import { mempoolStoreSuite } from './mempool-store.suite.ts';
import { stateStoreSuite } from './state-store.suite.ts';
import { usageStoreSuite } from './usage-store.suite.ts';
import { vaultStoreSuite } from './vault-store.suite.ts';

const root = mkdtempSync(join(tmpdir(), 'fuqi-lmdb-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

const folders = new Map<NodeStores, string>();
let count = 0;

function openIn(folder: string): NodeStores {
  const stores = lmdbStores(folder);
  folders.set(stores, folder);
  return stores;
}

const harness: Harness = {
  adapter: 'lmdb',
  open: async () => openIn(join(root, `${count++}`)),
  reopen: async (stores) => {
    await stores.close();
    return openIn(folders.get(stores)!);
  },
};

headStoreSuite(harness);
blockStoreSuite(harness);
stateStoreSuite(harness);
mempoolStoreSuite(harness);

const environments = new Map<object, ReturnType<typeof lmdbStores>>();
const openAt = (folder: string): ReturnType<typeof lmdbStores> => {
  const stores = lmdbStores(folder);
  folders.set(stores, folder);
  environments.set(stores.usage, stores);
  environments.set(stores.ledgerUsage, stores);
  environments.set(stores.vault, stores);
  environments.set(stores.attachments, stores);
  return stores;
};
/** Closes the environment of a store, and opens its folder again. */
const reopenAt = async (store: UsageStore | LedgerUsageStore | VaultStore | AttachmentStore) => {
  const stores = environments.get(store)!;
  await stores.close();
  return openAt(folders.get(stores)!);
};
usageStoreSuite({
  adapter: 'lmdb',
  open: async () => openAt(join(root, `${count++}`)).usage,
  reopen: async (usage) => (await reopenAt(usage)).usage,
});
ledgerUsageStoreSuite({
  adapter: 'lmdb',
  open: async () => openAt(join(root, `${count++}`)).ledgerUsage,
  reopen: async (tally) => (await reopenAt(tally)).ledgerUsage,
});
vaultStoreSuite({
  adapter: 'lmdb',
  open: async () => openAt(join(root, `${count++}`)).vault,
  reopen: async (vault) => (await reopenAt(vault)).vault,
});
attachmentStoreSuite({
  adapter: 'lmdb',
  open: async () => openAt(join(root, `${count++}`)).attachments,
  reopen: async (attachments) => (await reopenAt(attachments)).attachments,
});
