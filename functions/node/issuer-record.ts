/**
 * The issuers of a hosted member: those that the consortium's file names, until an administrator sets
 * others, which stand in the node's own table.
 */
import { GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import {
  type TokenIssuer,
  type TokenIssuers,
  TokenIssuersSchema,
} from '../../shared/api/token-issuer.ts';
import { keyItem, type Table } from '../dynamodb/table.ts';

const Key = keyItem({ p: 'config#issuers', s: '-' });

export const hostedIssuers = (
  { client, name: TableName }: Table,
  ofFile: readonly TokenIssuer[],
): TokenIssuers => ({
  // Read for each token: an issuer that was removed is not believed at the next request.
  async list() {
    const { Item } = await client.send(
      new GetItemCommand({ TableName, Key, ConsistentRead: true }),
    );
    const json = Item?.j?.S;
    return json === undefined ? ofFile : TokenIssuersSchema.parse(JSON.parse(json));
  },
  async replace(issuers) {
    const Item = { ...Key, j: { S: JSON.stringify(issuers) } };
    await client.send(new PutItemCommand({ TableName, Item }));
  },
});
