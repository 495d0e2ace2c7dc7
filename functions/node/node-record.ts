/**
 * What a hosted node is told at its setup, in two items of its own table: whose it is with its sealed keys,
 * and its API keys as hashes.
 */
import { randomUUID } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { ApiKeyRecordSchema } from '../../node/api-key-records.ts';
import { MemberIdSchema } from '../../shared/ledger/genesis.ts';
import { type Item, keyItem, type Table } from '../dynamodb/table.ts';

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
  /** Of a node that was set up before there were vaults: none. */
  vault: z.string().optional(),
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

/** Writes the record, once. Throws where there is another. */
export async function writeNodeRecord(table: Table, record: NodeRecord): Promise<void> {
  const json = JSON.stringify(record);
  const stored = await replace(table, json, { condition: 'attribute_not_exists(p)' });
  if (stored !== true && stored.j?.S !== json) throw new Error('the table was set up meanwhile');
}

/**
 * Takes the sealed first keys out of the record: whoever it is answered to has them, and nobody else.
 * Undefined where they were taken, or are being taken by another.
 */
export async function takeSealedKeys(table: Table): Promise<NodeRecord | undefined> {
  const stored = (await get(table, RECORD))?.j?.S;
  if (stored === undefined) throw new Error('the table was not set up');
  const record = NodeRecordSchema.parse(JSON.parse(stored));
  const { firstKeys, ...rest } = record;
  if (!firstKeys) return undefined;
  const taker = randomUUID();
  const replaced = await replace(table, JSON.stringify(rest), {
    condition: 'j = :stored',
    stored,
    taker,
  });
  // The client sends a write again whose reply was lost, and finds its own.
  return replaced === true || replaced.t?.S === taker ? record : undefined;
}

export async function writeApiKeys(
  { client, name }: Table,
  keys: readonly z.infer<typeof ApiKeyRecordSchema>[],
): Promise<void> {
  const Item = { ...keyItem(API_KEYS), j: { S: JSON.stringify(keys) } };
  await client.send(new PutItemCommand({ TableName: name, Item }));
}

/** Replaces the record on a condition; answers true, or what stood there instead. */
async function replace(
  { client, name }: Table,
  json: string,
  given: { readonly condition: string; readonly stored?: string; readonly taker?: string },
): Promise<true | Item> {
  const { condition, stored, taker } = given;
  try {
    await client.send(
      new PutItemCommand({
        TableName: name,
        Item: { ...keyItem(RECORD), j: { S: json }, ...(taker && { t: { S: taker } }) },
        ConditionExpression: condition,
        ...(stored && { ExpressionAttributeValues: { ':stored': { S: stored } } }),
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
      }),
    );
    return true;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException) || !error.Item) throw error;
    return error.Item;
  }
}

async function read<T>(
  table: Table,
  key: typeof RECORD | typeof API_KEYS,
  schema: z.ZodType<T>,
): Promise<T | undefined> {
  const json = (await get(table, key))?.j?.S;
  return json === undefined ? undefined : schema.parse(JSON.parse(json));
}

async function get(
  { client, name }: Table,
  key: typeof RECORD | typeof API_KEYS,
): Promise<Item | undefined> {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: name, Key: keyItem(key), ConsistentRead: true }),
  );
  return Item;
}
