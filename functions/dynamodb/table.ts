/**
 * One node's table. Every item has a partition key `p`, whose first part says what it is, and a sort
 * key `s`. Reads are consistent: another invocation of the node may have written a moment ago.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AttributeValue,
  BatchGetItemCommand,
  BatchWriteItemCommand,
  type DynamoDBClient,
  paginateQuery,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';

export interface Table {
  readonly client: DynamoDBClient;
  readonly name: string;
}

export type Item = Record<string, AttributeValue>;
export interface Key {
  readonly p: string;
  readonly s: string;
}

/** DynamoDB's own limits of a batch. */
const GETS_MAX = 100;
const WRITES_MAX = 25;
const BYTES_MAX = 12 * 1024 * 1024;
/** What a batch left over is asked for again after 20, 40, 80 … ms, at the most so often. */
const ATTEMPTS_MAX = 10;
const PAUSE_MS = 20;
const PAUSE_MS_MAX = 1000;

/** A key as DynamoDB takes it. */
export const keyItem = ({ p, s }: Key): Item => ({ p: { S: p }, s: { S: s } });

const placeOf = (item: Item): string => `${item.p!.S} ${item.s!.S}`;

/** The items with these keys, in their order; undefined where there is none. */
export async function getAll(
  { client, name }: Table,
  keys: readonly Key[],
): Promise<(Item | undefined)[]> {
  const found = new Map<string, Item>();
  const wanted = new Map(keys.map((key) => [`${key.p} ${key.s}`, keyItem(key)]));
  const batches = slices([...wanted.values()], GETS_MAX);
  await Promise.all(
    batches.map((batch) =>
      untilDone(batch, async (left) => {
        const request = { [name]: { Keys: [...left], ConsistentRead: true } };
        const reply = await client.send(new BatchGetItemCommand({ RequestItems: request }));
        for (const item of reply.Responses?.[name] ?? []) found.set(placeOf(item), item);
        return reply.UnprocessedKeys?.[name]?.Keys ?? [];
      }),
    ),
  );
  return keys.map(({ p, s }) => found.get(`${p} ${s}`));
}

/** The items of a partition whose sort keys lie between two, both included, in order. */
export async function itemsBetween(
  { client, name: TableName }: Table,
  p: string,
  from: string,
  to: string,
): Promise<Item[]> {
  const query = {
    TableName,
    ConsistentRead: true,
    KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
    ExpressionAttributeValues: { ':p': { S: p }, ':from': { S: from }, ':to': { S: to } },
  };
  const found: Item[] = [];
  for await (const { Items = [] } of paginateQuery({ client }, query)) found.push(...Items);
  return found;
}

/** Writes items whatever stood there. */
export const putAll = (table: Table, items: readonly Item[]): Promise<void> =>
  writeAll(
    table,
    items.map((item) => ({ PutRequest: { Item: item } })),
  );

/** Deletes items; an absent one is no fault. */
export const deleteAll = (table: Table, keys: readonly Key[]): Promise<void> =>
  writeAll(
    table,
    keys.map((key) => ({ DeleteRequest: { Key: keyItem(key) } })),
  );

async function writeAll({ client, name }: Table, requests: readonly WriteRequest[]): Promise<void> {
  const batches: WriteRequest[][] = [];
  let bytes = 0;
  for (const request of requests) {
    const size = request.PutRequest?.Item?.b?.B?.length ?? 0;
    const last = batches.at(-1);
    if (!last || last.length === WRITES_MAX || bytes + size > BYTES_MAX) {
      batches.push([request]);
      bytes = size;
    } else {
      last.push(request);
      bytes += size;
    }
  }
  await Promise.all(
    batches.map((batch) =>
      untilDone(batch, async (left) => {
        const request = { [name]: [...left] };
        const reply = await client.send(new BatchWriteItemCommand({ RequestItems: request }));
        return reply.UnprocessedItems?.[name] ?? [];
      }),
    ),
  );
}

/** Sends what a batch left over again, ever more slowly: DynamoDB throttles parts of batches. */
async function untilDone<T>(
  all: readonly T[],
  send: (left: readonly T[]) => Promise<readonly T[]>,
): Promise<void> {
  let left = all;
  for (let attempt = 1; left.length > 0; attempt++) {
    const before = left.length;
    left = await send(left);
    if (left.length === 0) return;
    if (left.length < before) attempt = 1;
    if (attempt > ATTEMPTS_MAX) throw new Error(`DynamoDB left ${left.length} items over`);
    await delay(Math.min(PAUSE_MS * 2 ** attempt, PAUSE_MS_MAX) * (0.5 + Math.random() / 2));
  }
}

function slices<T>(all: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, index) =>
    all.slice(index * size, (index + 1) * size),
  );
}
