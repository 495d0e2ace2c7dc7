/**
 * The usage store in a node's table: an item a tenant and day, changed by atomic updates. What was stored
 * until the day before is looked for once a day by each environment.
 */
import {
  ConditionalCheckFailedException,
  QueryCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { unusedDay } from '../../node/memory/usage-store.ts';
import type { UsageOfDay, UsageStore } from '../../shared/ports/usage-store.ts';
import { type Item, itemsBetween, keyItem, type Table } from './table.ts';

const partition = (tenant: string): string => `usage#${tenant}`;
const number = (value: number) => ({ N: String(value) });

export function dynamoUsageStore(table: Table): UsageStore {
  const { client, name: TableName } = table;
  /** Stored bytes before a day, by tenant. */
  const bases = new Map<string, { readonly day: string; readonly bytes: number }>();

  async function baseOf(tenant: string, day: string): Promise<number> {
    const known = bases.get(tenant);
    if (known?.day === day) return known.bytes;
    const { Items = [] } = await client.send(
      new QueryCommand({
        TableName,
        ConsistentRead: true,
        ScanIndexForward: false,
        Limit: 1,
        KeyConditionExpression: 'p = :p AND s < :day',
        ExpressionAttributeValues: { ':p': { S: partition(tenant) }, ':day': { S: day } },
      }),
    );
    const bytes = Items[0] ? usageOf(Items[0]).storedBytes : 0;
    bases.set(tenant, { day, bytes });
    return bytes;
  }

  return {
    async add(tenant, day, numbers, most) {
      const { requests, reads, transactions, bytesIn } = numbers;
      const base = await baseOf(tenant, day);
      const isCounted = transactions > 0;
      const isBounded = isCounted || bytesIn > 0;
      const isFull = isCounted && transactions > most.transactions;
      if (isFull || (isBounded && base + bytesIn > most.storedBytes)) {
        const [usage = unusedDay(day, base)] = await this.read(tenant, day, day);
        return { added: false, usage };
      }
      try {
        const { Attributes } = await client.send(
          new UpdateItemCommand({
            TableName,
            Key: keyItem({ p: partition(tenant), s: day }),
            UpdateExpression:
              'SET st = if_not_exists(st, :base) + :bytes ADD q :requests, r :reads, t :transactions, i :bytes',
            ...(isBounded && {
              ConditionExpression: [
                '(attribute_not_exists(st) OR st <= :st)',
                ...(isCounted ? ['(attribute_not_exists(t) OR t <= :t)'] : []),
              ].join(' AND '),
            }),
            ExpressionAttributeValues: {
              ':base': number(base),
              ':bytes': number(bytesIn),
              ':requests': number(requests),
              ':reads': number(reads),
              ':transactions': number(transactions),
              ...(isBounded && { ':st': number(most.storedBytes - bytesIn) }),
              ...(isCounted && { ':t': number(most.transactions - transactions) }),
            },
            ReturnValues: 'ALL_NEW',
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        );
        return { added: true, usage: usageOf(Attributes!) };
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException) || !error.Item) throw error;
        return { added: false, usage: usageOf(error.Item) };
      }
    },
    async read(tenant, from, to) {
      const items = await itemsBetween({ client, name: TableName }, partition(tenant), from, to);
      return items.map(usageOf);
    },
  };
}

function usageOf({ s, q, r, t, i, st }: Item): UsageOfDay {
  return {
    day: s!.S!,
    requests: Number(q?.N ?? 0),
    reads: Number(r?.N ?? 0),
    transactions: Number(t?.N ?? 0),
    bytesIn: Number(i?.N ?? 0),
    storedBytes: Number(st?.N ?? 0),
  };
}
