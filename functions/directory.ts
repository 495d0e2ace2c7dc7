/**
 * A consortium's directory: one small table with what is no secret. Its genesis document, and of each
 * member what the genesis document says of it, as the member's own setup wrote it.
 */
import {
  ConditionalCheckFailedException,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
} from '@aws-sdk/client-dynamodb';
import { type Genesis, GenesisSchema } from '../shared/ledger/genesis.ts';

export interface Directory {
  readonly client: DynamoDBClient;
  readonly name: string;
}

export type GenesisMember = Genesis['members'][number];

/** The key of the genesis document's item: a policy lets who makes it write this one only. */
export const GENESIS_ITEM = 'genesis';
/** The key of a member's item: policies let its setup write this one only. */
export const memberItem = (member: string): string => `member#${member}`;

/** The genesis document; undefined where there is none yet. */
export async function readGenesis(directory: Directory): Promise<Genesis | undefined> {
  const json = await readItem(directory, GENESIS_ITEM);
  return json === undefined ? undefined : GenesisSchema.parse(json);
}

/** Writes the genesis document once: where there is one, that one stays, and false is answered. */
export async function writeGenesis(
  { client, name }: Directory,
  genesis: Genesis,
): Promise<boolean> {
  try {
    await client.send(
      new PutItemCommand({
        TableName: name,
        Item: { p: { S: GENESIS_ITEM }, j: { S: JSON.stringify(genesis) } },
        ConditionExpression: 'attribute_not_exists(p)',
      }),
    );
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

/** What a member's setup wrote of it. */
export const readMember = async (
  directory: Directory,
  member: string,
): Promise<GenesisMember | undefined> =>
  (await readItem(directory, memberItem(member))) as GenesisMember | undefined;

export async function writeMember({ client, name }: Directory, member: GenesisMember) {
  const Item = { p: { S: memberItem(member.id) }, j: { S: JSON.stringify(member) } };
  await client.send(new PutItemCommand({ TableName: name, Item }));
}

/** The JSON of an item; undefined where there is none. */
export async function readItem({ client, name }: Directory, p: string): Promise<unknown> {
  const Key = { p: { S: p } };
  const { Item } = await client.send(
    new GetItemCommand({ TableName: name, Key, ConsistentRead: true }),
  );
  const json = Item?.j?.S;
  return json === undefined ? undefined : JSON.parse(json);
}
