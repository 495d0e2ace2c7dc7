/** The suites of the store ports, run by the adapters in memory. */

import { memoryAttachmentStore } from '../../node/memory/attachment-store.ts';
import { memoryLedgerUsageStore } from '../../node/memory/ledger-usage-store.ts';
import { memoryStores } from '../../node/memory/stores.ts';
import { memoryUsageStore } from '../../node/memory/usage-store.ts';
import { memoryVaultStore } from '../../node/memory/vault-store.ts';
import { attachmentStoreSuite } from './attachment-store.suite.ts';
import { blockStoreSuite } from './block-store.suite.ts';
import type { Harness } from './harness.ts';
import { headStoreSuite } from './head-store.suite.ts';
import { ledgerUsageStoreSuite } from './ledger-usage-store.suite.ts';
import { mempoolStoreSuite } from './mempool-store.suite.ts';
import { stateStoreSuite } from './state-store.suite.ts';
import { usageStoreSuite } from './usage-store.suite.ts';
import { vaultStoreSuite } from './vault-store.suite.ts';

const harness: Harness = { adapter: 'memory', open: async () => memoryStores() };

headStoreSuite(harness);
blockStoreSuite(harness);
stateStoreSuite(harness);
mempoolStoreSuite(harness);
usageStoreSuite({ adapter: 'memory', open: async () => memoryUsageStore() });
ledgerUsageStoreSuite({ adapter: 'memory', open: async () => memoryLedgerUsageStore() });
vaultStoreSuite({ adapter: 'memory', open: async () => memoryVaultStore() });
attachmentStoreSuite({ adapter: 'memory', open: async () => memoryAttachmentStore() });
