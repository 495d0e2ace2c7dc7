/** The tally of the ledger in a node's table: an item a day, with absolute numbers. */
import { PutItemCommand, QueryCommand } from '@aws-sdk/client-dynamodb';
import type { LedgerUsageOfDay, LedgerUsageStore } from '../../shared/ports/ledger-usage-store.ts';
import { type Item, itemsBetween, keyItem, type Table } from './table.ts';

const PARTITION = 'ledger-usage';
const number = (value: number) => ({ N: String(value) });

export function dynamoLedgerUsageStore({ client, name: TableName }: Table): LedgerUsageStore {
  return {
    async newest() {
      const { Items = [] } = await client.send(
        new QueryCommand({
          TableName,
          ConsistentRead: true,
          ScanIndexForward: false,
          Limit: 1,
          KeyConditionExpression: 'p = :p',
          ExpressionAttributeValues: { ':p': { S: PARTITION } },
        }),
      );
      return Items[0] && recordOf(Items[0]);
    },
    async put(records) {
      // One after another: a day that is there stands for all before it.
      for (const { day, height, committed, refused, bytes, storedBytes } of records) {
        const Item = {
          ...keyItem({ p: PARTITION, s: day }),
          h: number(height),
          c: number(committed),
          r: number(refused),
          i: number(bytes),
          st: number(storedBytes),
        };
        await client.send(new PutItemCommand({ TableName, Item }));
      }
    },
    async read(from, to) {
      const items = await itemsBetween({ client, name: TableName }, PARTITION, from, to);
      return items.map(recordOf);
    },
  };
}

const recordOf = ({ s, h, c, r, i, st }: Item): LedgerUsageOfDay => ({
  day: s!.S!,
  height: Number(h!.N),
  committed: Number(c!.N),
  refused: Number(r!.N),
  bytes: Number(i!.N),
  storedBytes: Number(st!.N),
});
