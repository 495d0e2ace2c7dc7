/**
 * The mempool store in DynamoDB: one partition key, so that a look costs one read. Ids are digests, so
 * DynamoDB can split it by them where it gets hot.
 */
import {
  ConditionalCheckFailedException,
  PutItemCommand,
  paginateQuery,
} from '@aws-sdk/client-dynamodb';
import type { Digest } from '../../shared/bytes/digest.ts';
import type { MempoolStore } from '../../shared/ports/mempool-store.ts';
import { deleteAll, type Key, keyItem, type Table } from './table.ts';

interface Held {
  readonly id: Digest;
  readonly bytes: Uint8Array;
}

const PARTITION = 'held';
const keyOf = (id: Digest): Key => ({ p: PARTITION, s: id });

export function dynamoMempoolStore(table: Table): MempoolStore {
  return {
    async add(entries) {
      // The first stays: an id says nothing of the signatures that came with it.
      await Promise.all(entries.map((entry) => putNew(table, entry)));
    },
    remove: (ids) => deleteAll(table, [...new Set(ids)].map(keyOf)),
    list: () => listAll(table),
  };
}

async function putNew({ client, name: TableName }: Table, { id, bytes }: Held): Promise<void> {
  const Item = { ...keyItem(keyOf(id)), b: { B: bytes } };
  try {
    await client.send(
      new PutItemCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(p)' }),
    );
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
}

async function listAll({ client, name: TableName }: Table): Promise<Held[]> {
  const held: Held[] = [];
  const query = {
    TableName,
    ConsistentRead: true,
    KeyConditionExpression: 'p = :p',
    ExpressionAttributeValues: { ':p': { S: PARTITION } },
  };
  for await (const { Items = [] } of paginateQuery({ client }, query)) {
    for (const item of Items) held.push({ id: item.s!.S as Digest, bytes: item.b!.B! });
  }
  return held;
}
