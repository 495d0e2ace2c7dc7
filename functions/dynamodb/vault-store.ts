/**
 * The vault store in a node's table: one partition, so that entries list in the order of their names; a write of
 * several is a transaction.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  paginateQuery,
  TransactionCanceledException,
  TransactWriteItemsCommand,
} from '@aws-sdk/client-dynamodb';
import {
  checkVaultWrite,
  type VaultChange,
  type VaultEntry,
  type VaultStore,
} from '../../shared/ports/vault-store.ts';
import { type Key, keyItem, type Table } from './table.ts';

/** The partition of a node's table that holds its vault. */
export const VAULT_PARTITION = 'vault';
const keyOf = (name: string): Key => ({ p: VAULT_PARTITION, s: name });
/** Comes after every character of a name. */
const LAST = '\u{10ffff}';

export function dynamoVaultStore(table: Table): VaultStore {
  const { client, name: TableName } = table;
  return {
    async write(changes) {
      checkVaultWrite(changes);
      const [first, ...others] = changes;
      if (!first) return;
      // A transaction is billed twice.
      if (others.length === 0) await writeOne(table, first);
      else await writeTogether(table, changes);
    },
    async swap({ name, bytes }, before) {
      checkVaultWrite([{ name, bytes }]);
      const condition = before
        ? { ConditionExpression: 'b = :b', ExpressionAttributeValues: { ':b': { B: before } } }
        : { ConditionExpression: 'attribute_not_exists(p)' };
      try {
        await client.send(
          new PutItemCommand({ TableName, Item: itemOf(name, bytes), ...condition }),
        );
        return true;
      } catch (error) {
        if (error instanceof ConditionalCheckFailedException) return false;
        throw error;
      }
    },
    async get(name) {
      const Key = keyItem(keyOf(name));
      const { Item } = await client.send(
        new GetItemCommand({ TableName, Key, ConsistentRead: true }),
      );
      return Item?.b?.B;
    },
    async list({ prefix, after = '', limit }) {
      const found: VaultEntry[] = [];
      const to = `${prefix}${LAST}`;
      // DynamoDB refuses a range that ends before it begins.
      if (limit === 0 || after > to) return found;
      const isAfter = after > prefix;
      const query = {
        TableName,
        ConsistentRead: true,
        Limit: limit + 1,
        KeyConditionExpression: 'p = :p AND s BETWEEN :from AND :to',
        ExpressionAttributeValues: {
          ':p': { S: VAULT_PARTITION },
          ':from': { S: isAfter ? after : prefix === '' ? ' ' : prefix },
          ':to': { S: to },
        },
      };
      for await (const { Items = [] } of paginateQuery({ client }, query)) {
        for (const item of Items) {
          const name = item.s!.S!;
          if (isAfter && name === after) continue;
          if (found.length < limit) found.push({ name, bytes: item.b!.B! });
        }
        if (found.length === limit) break;
      }
      return found;
    },
  };
}

const itemOf = (name: string, bytes: Uint8Array) => ({
  ...keyItem(keyOf(name)),
  b: { B: bytes },
});

async function writeOne(
  { client, name: TableName }: Table,
  { name, bytes }: VaultChange,
): Promise<void> {
  if (bytes) await client.send(new PutItemCommand({ TableName, Item: itemOf(name, bytes) }));
  else await client.send(new DeleteItemCommand({ TableName, Key: keyItem(keyOf(name)) }));
}

/** Of two transactions over one entry at the same time DynamoDB refuses one: it is made again, a little later. */
const ATTEMPTS_MAX = 10;
const PAUSE_MS = 20;

async function writeTogether(
  { client, name: TableName }: Table,
  changes: readonly VaultChange[],
): Promise<void> {
  const TransactItems = changes.map(({ name, bytes }) =>
    bytes
      ? { Put: { TableName, Item: itemOf(name, bytes) } }
      : { Delete: { TableName, Key: keyItem(keyOf(name)) } },
  );
  for (let attempt = 1; ; attempt++) {
    try {
      await client.send(new TransactWriteItemsCommand({ TransactItems }));
      return;
    } catch (error) {
      if (!isConflict(error) || attempt === ATTEMPTS_MAX) throw error;
      await delay(PAUSE_MS * 2 ** Math.min(attempt, 5) * (0.5 + Math.random() / 2));
    }
  }
}

const isConflict = (error: unknown): boolean =>
  error instanceof TransactionCanceledException &&
  (error.CancellationReasons ?? []).some(({ Code }) => Code === 'TransactionConflict');
