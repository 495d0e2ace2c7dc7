/** An AWS emulator for the tests of one file, and what clients of it are made with. */
import { after } from 'node:test';
import { CreateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  EMULATOR_CREDENTIALS,
  EMULATOR_REGION,
  startEmulator,
} from '../../infra/emulator/emulator.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** Starts one that stops when the file's tests are over; answers the options of its clients. */
export async function emulatorForTests() {
  const { url, stop } = await startEmulator({ folder: temporaryFolder() });
  after(stop);
  return { endpoint: url, region: EMULATOR_REGION, credentials: EMULATOR_CREDENTIALS };
}

/** Makes a table with the keys of a node's. */
export async function createNodeTable(client: DynamoDBClient, name: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName: name,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'p', AttributeType: 'S' },
        { AttributeName: 's', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'p', KeyType: 'HASH' },
        { AttributeName: 's', KeyType: 'RANGE' },
      ],
    }),
  );
}
