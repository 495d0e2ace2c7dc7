/** The mempool store in DynamoDB: a few partitions by the first digit of the id, so that none gets hot. */
import {
  ConditionalCheckFailedException,
  PutItemCommand,
  paginateQuery,
} from '@aws-sdk/client-dynamodb';
import type { Digest } from '../../shared/bytes/digest.ts';
import type { MempoolStore } from '../../shared/ports/mempool-store.ts';
import { deleteAll, type Key, keyItem, type Table } from './table.ts';

const PARTITIONS = 4;

interface Held {
  readonly id: Digest;
  readonly bytes: Uint8Array;
}

const partition = (number: number): string => `held#${number}`;
const keyOf = (id: Digest): Key => ({
  p: partition(Number.parseInt(id[0]!, 16) % PARTITIONS),
  s: id,
});

export function dynamoMempoolStore(table: Table): MempoolStore {
  return {
    async add(entries) {
      // The first stays: an id says nothing of the signatures that came with it.
      await Promise.all(entries.map((entry) => putNew(table, entry)));
    },
    remove: (ids) => deleteAll(table, [...new Set(ids)].map(keyOf)),
    async list() {
      const numbers = Array.from({ length: PARTITIONS }, (_, number) => number);
      const parts = await Promise.all(numbers.map((number) => listPart(table, partition(number))));
      return parts.flat().sort((a, b) => (a.id < b.id ? -1 : 1));
    },
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

async function listPart({ client, name: TableName }: Table, p: string): Promise<Held[]> {
  const held: Held[] = [];
  const query = {
    TableName,
    ConsistentRead: true,
    KeyConditionExpression: 'p = :p',
    ExpressionAttributeValues: { ':p': { S: p } },
  };
  for await (const { Items = [] } of paginateQuery({ client }, query)) {
    for (const item of Items) held.push({ id: item.s!.S as Digest, bytes: item.b!.B! });
  }
  return held;
}
