/** The four stores of one node in its DynamoDB table. */
import type { NodeStores } from '../../node/node-stores.ts';
import { dynamoBlockStore } from './block-store.ts';
import { dynamoHeadStore } from './head-store.ts';
import { dynamoMempoolStore } from './mempool-store.ts';
import { dynamoStateStore } from './state-store.ts';
import type { Table } from './table.ts';

/** Stores on a table with the keys `p` and `s`; closing them leaves the client open. */
export const dynamoStores = (table: Table): NodeStores => ({
  heads: dynamoHeadStore(table),
  blocks: dynamoBlockStore(table),
  state: dynamoStateStore(table),
  mempool: dynamoMempoolStore(table),
  async close() {},
});
