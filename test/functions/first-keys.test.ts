/** First keys on the emulator's DynamoDB: several admins ask at once, and replies are lost. */
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { takeSealedKeys, writeNodeRecord } from '../../functions/node/node-record.ts';
import { FaultProxy } from '../cloud/support/fault-proxy.ts';
import { createNodeTable, emulatorForTests } from '../support/emulator.ts';

const options = await emulatorForTests();
const proxy = await FaultProxy.open(Number(new URL(options.endpoint).port));
const client = new DynamoDBClient({ ...options, endpoint: proxy.url });
after(() => {
  client.destroy();
  proxy.close();
});

let tables = 0;
async function newTable() {
  const name = `first-keys-${++tables}`;
  await createNodeTable(client, name);
  return { client, name };
}

const RECORD = {
  format: 'fuqi-hosted-node-1' as const,
  consortium: 'c',
  member: 'a',
  store: 't',
  dataKey: 'k',
  peer: 'p',
  identities: {},
  firstKeys: { admin: 'sealed' },
};

/** Loses the reply to the first write. */
function loseFirstReply(): void {
  let isLost = false;
  proxy.plan = ({ operation }) => {
    if (operation !== 'PutItem' || isLost) return undefined;
    isLost = true;
    return { kind: 'lose-reply' };
  };
}

describe('the first keys of a member', () => {
  it('go to one of many who ask at once', async () => {
    const table = await newTable();
    await writeNodeRecord(table, RECORD);
    const answers = await Promise.all(Array.from({ length: 8 }, () => takeSealedKeys(table)));
    const taken = answers.filter((record) => record !== undefined);
    assert.deepEqual(taken, [RECORD]);
    assert.equal(await takeSealedKeys(table), undefined);
  });

  it('are written, and handed out, where the reply to the write was lost', async () => {
    const table = await newTable();
    loseFirstReply();
    await writeNodeRecord(table, RECORD);
    loseFirstReply();
    assert.deepEqual(await takeSealedKeys(table), RECORD);
    proxy.plan = () => undefined;
  });

  it('are not replaced by another set-up', async () => {
    const table = await newTable();
    await writeNodeRecord(table, RECORD);
    await assert.rejects(writeNodeRecord(table, { ...RECORD, peer: 'other' }), /meanwhile/);
  });
});
