/**
 * What the relay keeps for minutes: who is connected, messages that are too large to ring, and replies
 * until they are taken. Items go by themselves (time to live): deleting them would cost as much as writing.
 */
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { getAll, keyItem, putAll, type Table } from '../dynamodb/table.ts';

const KEPT_S = 600;
const CHUNK_BYTES = 350 * 1024;
/** API Gateway ends a connection after two hours. */
const CONNECTED_S = 2 * 3600;

const connectionKey = (member: string) => ({ p: `connection#${member}`, s: '-' });
const partKey = (p: string, index: number) => ({ p, s: String(index).padStart(3, '0') });
const seconds = (): number => Math.floor(Date.now() / 1000);

/** Notes the connection of a member's node; a later one takes its place. */
export async function noteConnection({ client, name }: Table, member: string, id: string) {
  const until = { N: String(seconds() + CONNECTED_S) };
  const Item = { ...keyItem(connectionKey(member)), id: { S: id }, t: until };
  await client.send(new PutItemCommand({ TableName: name, Item }));
}

/** The connection of a member's node; undefined where there is none. */
export async function connectionOf({ client, name }: Table, member: string) {
  const { Item } = await client.send(
    new GetItemCommand({ TableName: name, Key: keyItem(connectionKey(member)) }),
  );
  return Item?.id?.S;
}

/** Keeps bytes under a name, with a word about them. */
export async function keep(table: Table, p: string, bytes: Uint8Array, word = ''): Promise<void> {
  const count = Math.max(1, Math.ceil(bytes.length / CHUNK_BYTES));
  const items = Array.from({ length: count }, (_, index) => ({
    ...keyItem(partKey(p, index)),
    b: { B: bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES) },
    n: { N: String(count) },
    w: { S: word },
    t: { N: String(seconds() + KEPT_S) },
  }));
  // The first part says that all are there.
  await putAll(table, items.slice(1));
  await putAll(table, items.slice(0, 1));
}

/** What was kept under a name; undefined where nothing is. */
export async function kept(table: Table, p: string) {
  const { client, name } = table;
  const { Item: first } = await client.send(
    new GetItemCommand({
      TableName: name,
      Key: keyItem(partKey(p, 0)),
      ConsistentRead: true,
    }),
  );
  if (!first) return undefined;
  const rest = Array.from({ length: Number(first.n!.N) - 1 }, (_, index) => partKey(p, index + 1));
  const parts = [first, ...(rest.length > 0 ? await getAll(table, rest) : [])];
  return { bytes: Buffer.concat(parts.map((part) => part!.b!.B!)), word: first.w!.S! };
}
