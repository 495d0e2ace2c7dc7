/** The suites of the store ports, run by the adapters on DynamoDB (the emulator's). */
import { after } from 'node:test';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { dynamoLedgerUsageStore } from '../../functions/dynamodb/ledger-usage-store.ts';
import { dynamoStores } from '../../functions/dynamodb/stores.ts';
import { dynamoUsageStore } from '../../functions/dynamodb/usage-store.ts';
import { dynamoVaultStore } from '../../functions/dynamodb/vault-store.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import type { UsageStore } from '../../shared/ports/usage-store.ts';
import { createNodeTable, emulatorForTests } from '../support/emulator.ts';
import { blockStoreSuite } from './block-store.suite.ts';
import type { Harness } from './harness.ts';
import { headStoreSuite } from './head-store.suite.ts';
import { ledgerUsageStoreSuite } from './ledger-usage-store.suite.ts';
import { mempoolStoreSuite } from './mempool-store.suite.ts';
import { stateStoreSuite } from './state-store.suite.ts';
import { usageStoreSuite } from './usage-store.suite.ts';
import { vaultStoreSuite } from './vault-store.suite.ts';

const client = new DynamoDBClient(await emulatorForTests());
after(() => client.destroy());

const tables = new Map<NodeStores, string>();

async function openTable(name: string): Promise<NodeStores> {
  const stores = dynamoStores({ client, name });
  tables.set(stores, name);
  return stores;
}

const harness: Harness = {
  adapter: 'dynamodb',
  open: async () => {
    const name = `node-${tables.size}`;
    await createNodeTable(client, name);
    return openTable(name);
  },
  reopen: (stores) => openTable(tables.get(stores)!),
};

headStoreSuite(harness);
blockStoreSuite(harness);
stateStoreSuite(harness);
mempoolStoreSuite(harness);

const usageTables = new Map<UsageStore, string>();
function openUsage(name: string): UsageStore {
  const usage = dynamoUsageStore({ client, name });
  usageTables.set(usage, name);
  return usage;
}
usageStoreSuite({
  adapter: 'dynamodb',
  open: async () => openUsage(tables.get(await harness.open())!),
  reopen: async (usage) => openUsage(usageTables.get(usage)!),
});
ledgerUsageStoreSuite({
  adapter: 'dynamodb',
  open: async () => dynamoLedgerUsageStore({ client, name: tables.get(await harness.open())! }),
});
vaultStoreSuite({
  adapter: 'dynamodb',
  open: async () => dynamoVaultStore({ client, name: tables.get(await harness.open())! }),
});
