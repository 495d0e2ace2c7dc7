/**
 * Units that calls of DynamoDB and KMS are billed. Reads are computed from the items that came back; for
 * writes DynamoDB says what they consumed, because what a write replaces counts too where it is larger.
 */
import { type Item, itemBytes, readUnits, writeUnits } from './item-size.ts';

type Count = (name: string, units: number) => void;

/** KMS calls by how they are billed: every use of an asymmetric key costs more than a symmetric one's. */
export const KMS_UNITS: Readonly<Record<string, string>> = {
  Sign: 'kms.sign',
  GetPublicKey: 'kms.public-key',
  Encrypt: 'kms.symmetric',
  Decrypt: 'kms.symmetric',
};

const WRITES = new Set(['PutItem', 'UpdateItem', 'BatchWriteItem']);
const READS = new Set(['GetItem', 'BatchGetItem', 'Query']);

export const isDynamoDb = (command: string): boolean =>
  WRITES.has(command) || READS.has(command) || command === 'DescribeTable';

/** Asks DynamoDB what a write consumes; it is told without charge. */
export const withConsumedCapacity = (command: string, input: object): object =>
  WRITES.has(command) ? { ...input, ReturnConsumedCapacity: 'TOTAL' } : input;

interface Capacity {
  readonly CapacityUnits?: number;
}
interface Batch {
  readonly Keys?: readonly Item[];
  readonly ConsistentRead?: boolean;
}
interface WriteRequest {
  readonly PutRequest?: { readonly Item: Item };
  readonly DeleteRequest?: { readonly Key: Item };
}
/** What is read of requests and replies. */
interface Input {
  readonly Key?: Item;
  readonly Item?: Item;
  readonly ConsistentRead?: boolean;
  readonly ExpressionAttributeValues?: Item;
  readonly RequestItems?: Readonly<Record<string, Batch | readonly WriteRequest[]>>;
}
interface Output {
  readonly Item?: Item;
  readonly Items?: readonly Item[];
  readonly Responses?: Readonly<Record<string, readonly Item[]>>;
  readonly UnprocessedKeys?: Readonly<Record<string, Batch>>;
  readonly UnprocessedItems?: Readonly<Record<string, readonly WriteRequest[]>>;
  readonly ConsumedCapacity?: Capacity | readonly Capacity[];
  readonly name?: string;
}
type Reply = Output | { readonly $metadata?: unknown };

/** What an item is for: what its partition key says first, and for a named item what its name says first. */
export function purposeOf(item: Item | undefined): string {
  const p = item?.p?.S ?? item?.[':p']?.S ?? 'unknown';
  const [kind, rest = ''] = p.split('#', 2) as [string, string?];
  if (kind === 'record') return rest;
  return kind === 'item' ? rest.split('/', 1)[0]! : kind;
}

/** The same of a call: of the first item that it names. */
export function purposeOfCall(input: object): string {
  const { Key, Item, ExpressionAttributeValues, RequestItems } = input as Input;
  const [batch] = Object.values(RequestItems ?? {});
  if (!batch) return purposeOf(Key ?? Item ?? ExpressionAttributeValues);
  if (!isWrites(batch)) return purposeOf(batch.Keys?.[0]);
  return purposeOf(batch[0]?.PutRequest?.Item ?? batch[0]?.DeleteRequest?.Key);
}

const isWrites = (batch: Batch | readonly WriteRequest[]): batch is readonly WriteRequest[] =>
  Array.isArray(batch);

/** Counts a call; `reply` may be the error that it ended with. */
export function countDynamoDb(command: string, input: Input, reply: Reply, count: Count): void {
  const output = reply as Output;
  count(`calls.${command}`, 1);
  if (WRITES.has(command)) countWrites(input, output, count);
  else if (output.name) return;
  else if (command === 'GetItem') countGet(input, output, count);
  else if (command === 'Query') countQuery(input, output, count);
  else if (command === 'BatchGetItem') countBatchGet(input, output, count);
}

function countGet({ Key, ConsistentRead }: Input, { Item }: Output, count: Count): void {
  const units = readUnits(Item ? itemBytes(Item) : 0, ConsistentRead === true);
  count(`dynamodb.read.${purposeOf(Key)}`, units);
}

function countQuery(input: Input, { Items = [] }: Output, count: Count): void {
  const bytes = Items.reduce((sum, item) => sum + itemBytes(item), 0);
  const units = readUnits(bytes, input.ConsistentRead === true);
  count(`dynamodb.read.${purposeOf(input.ExpressionAttributeValues)}`, units);
}

function countBatchGet({ RequestItems = {} }: Input, output: Output, count: Count): void {
  for (const [table, batch] of Object.entries(RequestItems)) {
    if (isWrites(batch)) continue;
    const found = new Map((output.Responses?.[table] ?? []).map((item) => [placeOf(item), item]));
    const left = new Set((output.UnprocessedKeys?.[table]?.Keys ?? []).map(placeOf));
    for (const key of batch.Keys ?? []) {
      if (left.has(placeOf(key))) continue;
      const item = found.get(placeOf(key));
      const units = readUnits(item ? itemBytes(item) : 0, batch.ConsistentRead === true);
      count(`dynamodb.read.${purposeOf(key)}`, units);
    }
  }
}

const placeOf = ({ p, s }: Item): string => `${p?.S} ${s?.S}`;

/** What a write of a batch is billed by: of a deleted item only the key is known here. */
const written = ({ PutRequest, DeleteRequest }: WriteRequest): Item =>
  (PutRequest?.Item ?? DeleteRequest?.Key)!;

function countWrites(input: Input, output: Output, count: Count): void {
  let computed = 0;
  const wrote = (item: Item): void => {
    const units = writeUnits(itemBytes(item));
    computed += units;
    count(`dynamodb.write.${purposeOf(item)}`, units);
  };
  // A condition that fails is billed like a write.
  if (input.Item && (!output.name || output.name === 'ConditionalCheckFailedException')) {
    wrote(input.Item);
  } else if (input.Key && !output.name) {
    // The units of the whole item are reported only; what is written is a part of it.
    wrote({ ...input.Key, ...input.ExpressionAttributeValues });
  }
  for (const [table, batch] of Object.entries(output.name ? {} : (input.RequestItems ?? {}))) {
    if (!isWrites(batch)) continue;
    const left = new Set(
      (output.UnprocessedItems?.[table] ?? []).map((one) => placeOf(written(one))),
    );
    for (const item of batch.map(written)) if (!left.has(placeOf(item))) wrote(item);
  }
  const capacities = [output.ConsumedCapacity ?? []].flat() as readonly Capacity[];
  if (capacities.length === 0) return;
  const reported = capacities.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
  count('dynamodb.write.larger-before', reported - computed);
}
