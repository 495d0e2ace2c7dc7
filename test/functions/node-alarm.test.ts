/** The node's one alarm, on the emulator's table and queue: set once, never lost, and never for ever. */
import assert from 'node:assert/strict';
import { after, beforeEach, describe, it } from 'node:test';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateQueueCommand,
  PurgeQueueCommand,
  ReceiveMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { NodeEnvironment } from '../../functions/environment.ts';
import { setAlarm, storedWait } from '../../functions/node/node-alarm.ts';
import { FaultProxy } from '../cloud/support/fault-proxy.ts';
import { createNodeTable, emulatorForTests } from '../support/emulator.ts';
import { until } from '../support/until.ts';

const options = await emulatorForTests();
const proxy = await FaultProxy.open(Number(new URL(options.endpoint).port));
const through = { ...options, endpoint: proxy.url, maxAttempts: 1 };
const dynamodb = new DynamoDBClient(through);
const sqs = new SQSClient({ ...through, useQueueUrlAsEndpoint: false });
after(() => {
  dynamodb.destroy();
  sqs.destroy();
  proxy.close();
});
const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'alarms' }));

let tables = 0;
let node: Parameters<typeof setAlarm>[0];
beforeEach(async () => {
  proxy.plan = () => undefined;
  const name = `alarms-${++tables}`;
  await createNodeTable(dynamodb, name);
  const environment = {
    FUQI_CONSORTIUM: 'c',
    FUQI_MEMBER: 'a',
    FUQI_ALARM_QUEUE: QueueUrl!,
  } as NodeEnvironment;
  node = { environment, table: { client: dynamodb, name }, queue: sqs };
  await sqs.send(new PurgeQueueCommand({ QueueUrl }));
});

const waited = { rings: 1, height: 0, round: 4 };
const set = (at = Date.now()): Promise<void> => setAlarm(node, { at, waited });
/** Due messages in the queue. */
async function queued(): Promise<number> {
  const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 });
  return (await sqs.send(command)).Messages?.length ?? 0;
}
const sends: string[] = [];
/** Counts what is sent, and does something to the first. */
function watchSends(first?: 'cut' | 'lose-reply'): void {
  sends.length = 0;
  proxy.plan = ({ service, body }) => {
    if (service !== 'sqs') return undefined;
    sends.push(body.toString());
    return first && sends.length === 1 ? { kind: first } : undefined;
  };
}

describe('the alarm of a node', () => {
  it('is one message, however many invocations wait', async () => {
    watchSends();
    const at = Date.now() + 30_000;
    await Promise.all(Array.from({ length: 12 }, () => set(at)));
    assert.equal(sends.length, 1);
    await set(at + 5000);
    assert.equal(sends.length, 1);
  });

  it('is set again where an earlier one is wanted', async () => {
    watchSends();
    await set(Date.now() + 30_000);
    await set();
    assert.equal(sends.length, 2);
    assert.equal(await queued(), 1);
  });

  it('rings once in two seconds, however many invocations find themselves due', async () => {
    watchSends();
    await set();
    for (let invocation = 0; invocation < 8; invocation++) await set();
    assert.equal(sends.length, 2);
    await until(async () => (await queued()) === 1);
    await until(async () => (await queued()) === 1);
    assert.equal(await queued(), 0);
  });

  it('rings for the longest wait of all that set it', async () => {
    watchSends();
    const at = Date.now() + 30_000;
    await set(at);
    for (const rings of [3, 2]) await setAlarm(node, { at, waited: { ...waited, rings } });
    assert.equal(sends.length, 1);
    assert.deepEqual(await storedWait(node), { ...waited, rings: 3 });
    const later = { rings: 0, height: 1, round: 5 };
    await setAlarm(node, { at, waited: later });
    assert.deepEqual(await storedWait(node), later);
  });

  it('is set by the next invocation where one died between its claim and the queue', async () => {
    watchSends('cut');
    const at = Date.now() + 60_000;
    await assert.rejects(set(at));
    await set(at);
    assert.equal(sends.length, 2);
    await set(at);
    assert.equal(sends.length, 2);
  });

  it('is set twice rather than never where the reply was lost', async () => {
    watchSends('lose-reply');
    const at = Date.now() + 60_000;
    await assert.rejects(set(at));
    await set(at);
    assert.equal(sends.length, 2);
  });
});
