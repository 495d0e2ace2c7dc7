/** What calls of AWS services are billed, against the figures that AWS's documentation gives as examples. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { billOf, totalOf } from '../../bench/cost/bill.ts';
import { criticalPath } from '../../bench/cost/critical-path.ts';
import type { Invocation } from '../../bench/cost/usage-log.ts';
import { itemBytes, readUnits, writeUnits } from '../../functions/billing/item-size.ts';
import { countDynamoDb } from '../../functions/billing/service-units.ts';

const key = (p: string, s = '-') => ({ p: { S: p }, s: { S: s } });
const bytes = (length: number) => ({ B: new Uint8Array(length) });

function counted(command: string, input: object, reply: object): Record<string, number> {
  const counts: Record<string, number> = {};
  countDynamoDb(command, input, reply, (name, units) => {
    if (units !== 0) counts[name] = (counts[name] ?? 0) + units;
  });
  return counts;
}

describe('units of DynamoDB', () => {
  it('are a write unit for each kilobyte, and a read unit for each four of a consistent read', () => {
    assert.deepEqual([0, 1, 1024, 1025, 3 * 1024].map(writeUnits), [1, 1, 1, 2, 3]);
    assert.deepEqual(
      [0, 4096, 4097, 8192].map((size) => readUnits(size, true)),
      [1, 1, 2, 2],
    );
    assert.equal(readUnits(8192, false), 1);
  });

  it('count names and values of an item', () => {
    assert.equal(itemBytes({ p: { S: 'record#head' }, b: bytes(100), o: { BOOL: true } }), 115);
    assert.equal(itemBytes({ v: { N: '27' } }), 1 + 2);
    assert.equal(itemBytes({ v: { N: '-12345' } }), 1 + 4);
  });

  it('of a batch are those of each item, found or not', () => {
    const Keys = [key('item#tx/1', '000'), key('state#3', 'a'), key('state#4', 'b')];
    const found = { ...key('state#3', 'a'), b: bytes(5000) };
    const input = { RequestItems: { table: { Keys, ConsistentRead: true } } };
    assert.deepEqual(counted('BatchGetItem', input, { Responses: { table: [found] } }), {
      'calls.BatchGetItem': 1,
      'dynamodb.read.tx': 1,
      'dynamodb.read.state': 3,
    });
  });

  it('of a write are those that DynamoDB reports where it replaced a larger item', () => {
    const input = { Item: { ...key('record#safety'), b: bytes(100) } };
    const reply = { ConsumedCapacity: { CapacityUnits: 3 } };
    assert.deepEqual(counted('PutItem', input, reply), {
      'calls.PutItem': 1,
      'dynamodb.write.safety': 1,
      'dynamodb.write.larger-before': 2,
    });
  });

  it('are billed for a condition that fails, and not for a call that was throttled', () => {
    const input = { Item: { ...key('record#lease'), b: bytes(1500) } };
    const failed = { name: 'ConditionalCheckFailedException' };
    assert.equal(counted('PutItem', input, failed)['dynamodb.write.lease'], 2);
    const throttled = { name: 'ThrottlingException' };
    assert.deepEqual(counted('PutItem', input, throttled), { 'calls.PutItem': 1 });
  });
});

const invocation = (name: string, usage: Partial<Invocation['usage']>): Invocation => ({
  name,
  usage: {
    ...{ for: '', ms: 100, cold: false, cpuMs: 10, memoryMiB: 1024, logged: 0, counts: {} },
    ...usage,
  },
});

describe('a bill', () => {
  it('has eight signatures at fifteen dollars a million', () => {
    const lines = billOf([invocation('peer', { counts: { 'kms.sign': 8 } })]);
    const kms = lines.filter(({ service }) => service === 'KMS calls');
    assert.ok(Math.abs(totalOf(kms) - 0.00012) < 1e-12);
  });

  it('refuses a unit that it has no price for', () => {
    assert.throws(() => billOf([invocation('peer', { counts: { 'sns.publish': 1 } })]), /no price/);
  });
});

describe('a critical path', () => {
  it('goes into the function whose answer was waited for, and leaves out what ran beside it', () => {
    const gateway = invocation('gateway', { from: 0, ms: 60, calls: [['Invoke', 5, 55]] });
    const client = invocation('client', {
      from: 6,
      ms: 48,
      calls: [
        ['GetItem:head', 7, 12],
        ['Query:held', 7, 10],
        ['Sign', 20, 50],
      ],
    });
    const path = criticalPath([client, gateway]);
    assert.deepEqual(
      path.map(({ call, ms }) => [call, ms]),
      [
        ['Invoke', 50],
        ['GetItem:head', 5],
        ['Sign', 30],
      ],
    );
  });
});
