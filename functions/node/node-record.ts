/**
 * What a hosted node is told at its setup, in two items of its own table: whose it is with its sealed keys,
 * and its API keys as hashes.
 */
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { ApiKeyRecordSchema } from '../../node/api-key-records.ts';
import { MemberIdSchema } from '../../shared/ledger/genesis.ts';
import { keyItem, type Table } from '../dynamodb/table.ts';

const NodeRecordSchema = z.strictObject({
  format: z.literal('fuqi-hosted-node-1'),
  consortium: z.string(),
  member: MemberIdSchema,
  /** Identity of the store: the table that this was made in. A restored copy has another one. */
  store: z.string(),
  /** The member's data key, sealed by the vault key; base64url. */
  dataKey: z.string(),
  /** Sealed private keys; base64url. */
  peer: z.string(),
  identities: z.record(z.string(), z.string()),
  /** First API keys by identity, sealed; they are gone once they were taken. */
  firstKeys: z.record(z.string(), z.string()).optional(),
});
export type NodeRecord = z.infer<typeof NodeRecordSchema>;

const RECORD = { p: 'config#node', s: '-' } as const;
const API_KEYS = { p: 'config#api-keys', s: '-' } as const;
/** Partition keys of what a setup writes: a policy lets it touch nothing else of the table. */
export const SETUP_ITEMS = [RECORD.p, API_KEYS.p];

/** The node's record; undefined where the table was never set up. */
export const readNodeRecord = (table: Table): Promise<NodeRecord | undefined> =>
  read(table, RECORD, NodeRecordSchema);

/** The hashed API keys; none where there are none yet. */
export const readApiKeys = async (table: Table) =>
  (await read(table, API_KEYS, z.array(ApiKeyRecordSchema))) ?? [];

/** Writes the record; where `isNew`, only if there is none. */
export const writeNodeRecord = (table: Table, record: NodeRecord, isNew: boolean): Promise<void> =>
  write(table, RECORD, record, isNew);

export const writeApiKeys = (
  table: Table,
  keys: readonly z.infer<typeof ApiKeyRecordSchema>[],
): Promise<void> => write(table, API_KEYS, keys, false);

async function read<T>(
  { client, name }: Table,
  key: typeof RECORD | typeof API_KEYS,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: name, Key: keyItem(key), ConsistentRead: true }),
  );
  const json = Item?.j?.S;
  return json === undefined ? undefined : schema.parse(JSON.parse(json));
}

async function write(
  { client, name }: Table,
  key: typeof RECORD | typeof API_KEYS,
  value: unknown,
  isNew: boolean,
): Promise<void> {
  await client.send(
    new PutItemCommand({
      TableName: name,
      Item: { ...keyItem(key), j: { S: JSON.stringify(value) } },
      ...(isNew && { ConditionExpression: 'attribute_not_exists(p)' }),
    }),
  );
}
