/** The head store in DynamoDB: a conditional write a swap. */
import {
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { equalBytes } from '../../shared/bytes/text.ts';
import type { HeadStore, RecordName, VersionedRecord } from '../../shared/ports/head-store.ts';
import { type Item, keyItem, type Table } from './table.ts';

const keyOf = (name: RecordName): Item => keyItem({ p: `record#${name}`, s: '-' });
const recordOf = (item: Item): VersionedRecord => ({
  version: Number(item.v!.N),
  bytes: item.b!.B!,
});

export function dynamoHeadStore({ client, name: TableName }: Table): HeadStore {
  return {
    async read(name) {
      const Key = keyOf(name);
      const { Item } = await client.send(
        new GetItemCommand({ TableName, Key, ConsistentRead: true }),
      );
      return Item && recordOf(Item);
    },
    async swap(name, expected, next) {
      const isNew = expected === 0;
      try {
        await client.send(
          new PutItemCommand({
            TableName,
            Item: { ...keyOf(name), v: { N: String(next.version) }, b: { B: next.bytes } },
            ConditionExpression: isNew ? 'attribute_not_exists(p)' : 'v = :expected',
            ...(isNew ? {} : { ExpressionAttributeValues: { ':expected': { N: `${expected}` } } }),
            ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
          }),
        );
        return true;
      } catch (error) {
        if (!(error instanceof ConditionalCheckFailedException)) throw error;
        // The client sends a write again whose reply was lost: it finds its own record then.
        const stored = error.Item && recordOf(error.Item);
        return stored?.version === next.version && equalBytes(stored.bytes, next.bytes);
      }
    },
  };
}
