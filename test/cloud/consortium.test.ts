/**
 * The cloud tier: the real CDK app deployed to the AWS emulator, then the command line and HTTP against
 * four hosted members: functions that vote, KMS keys that sign, tables that store. IAM is enforced.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { functionName } from '../../functions/function-name.ts';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { EMULATOR_CREDENTIALS, EMULATOR_REGION } from '../../infra/emulator/emulator.ts';
import { call } from '../../node/gateway-call.ts';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { WebhookEndpoint } from '../support/webhook-endpoint.ts';
import { eventually } from './support/eventually.ts';
import { printFaults } from './support/print-faults.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FILE = path.join(ROOT, 'examples/consortia/shenzhen-invoice.yaml');
const CONSORTIUM = 'shenzhen-invoice';
const MEMBERS = ['tax-bureau', 'payment-platform', 'corner-shop', 'buyer-co'];

const folder = temporaryFolder();
const root = path.join(folder, 'home');
const endpoint = new WebhookEndpoint();
let cloud: Cloud;

printFaults(path.join(folder, 'cloud'));
before(async () => {
  await endpoint.open();
  cloud = await cloudUp({
    ...{ file: FILE, folder: path.join(folder, 'cloud'), root, auth: true },
    environment: { FUQI_WEBHOOK_ADDRESSES: '["127.0.0.0/8"]' },
  });
});
after(async () => {
  await cloud?.stop();
  endpoint.close();
});

const as = (name: string) => ({
  url: cloud.url,
  consortium: CONSORTIUM,
  key: cloud.ring.keys[name],
});
const own = ['--consortium', CONSORTIUM, '--home', root];
const client = <T>(make: new (options: object) => T): T =>
  new make({
    endpoint: cloud.endpoint,
    region: EMULATOR_REGION,
    credentials: EMULATOR_CREDENTIALS,
  });

/** The head of each member's own node, as its own function reads it from its own table. */
async function heads() {
  const answers = MEMBERS.map((member) => call(as(`${member}/admin`), '/blocks/head'));
  return (await Promise.all(answers)) as { height: number; id: string }[];
}

describe('a consortium of hosted members', () => {
  it('runs the invoice flow of the quick start through the same command', async () => {
    const week = readFileSync(path.join(ROOT, 'examples/corner-shop-week.jsonl'), 'utf8');
    const file = path.join(mkdtempSync(path.join(folder, 'import-')), 'invoices.jsonl');
    writeFileSync(file, week.split('\n').slice(0, 3).join('\n'));
    const report = await fuqiJson(...own, 'import', 'invoices', file, '--concurrency', '2');
    assert.equal(report.invoices, 3);
    assert.equal(report.refused, 0);
  });

  it('has all members on one block, and sets nobody an alarm when it is idle', async () => {
    await eventually(async () => new Set((await heads()).map(({ id }) => id)).size === 1);
    const [head] = await heads();
    assert.ok(head!.height > 0);
    const health = (await call(as('corner-shop/admin'), '/healthz', { root: true })) as {
      status: string;
      nodes: { state: string; pending: number }[];
    };
    assert.equal(health.status, 'ok');
    for (const { state, pending } of health.nodes) assert.deepEqual([state, pending], ['idle', 0]);
  });

  it('gives a receipt that verifies offline, and fails when one bit differs', async () => {
    const page = (await call(as('corner-shop/seller'), '/blocks?limit=50')) as {
      blocks: { transactions: string[] }[];
    };
    const [id] = page.blocks.flatMap(({ transactions }) => transactions);
    const receipt = await call(as('corner-shop/seller'), `/transactions/${id}/receipt`);
    const file = path.join(folder, 'receipt.json');
    writeFileSync(file, JSON.stringify(receipt));
    const { ledger } = (await call(as('corner-shop/seller'), '')) as { ledger: string };
    const { code } = await fuqi('verify', file, '--ledger', ledger);
    assert.equal(code, 0);
    const other = `${ledger[0] === '0' ? '1' : '0'}${ledger.slice(1)}`;
    assert.notEqual((await fuqi('verify', file, '--ledger', other)).code, 0);
  });

  it('gives a member what is its own, which verifies offline', async () => {
    const out = path.join(folder, 'export');
    const { receipts } = await fuqiJson(
      'export',
      '--out',
      out,
      '--as',
      'corner-shop/admin',
      ...own,
    );
    assert.ok(receipts > 0);
    const files = [path.join(out, 'receipts.jsonl'), '--genesis', path.join(out, 'genesis.json')];
    const { verdict, proofs } = await fuqiJson('verify', ...files);
    assert.deepEqual([verdict, proofs], ['VALID', receipts]);
  });

  it('answers a wrong key 401, and the same call twice with the first result', async () => {
    const key = cloud.ring.keys['payment-platform/platform']!;
    const wrong = { ...as('payment-platform/platform'), key: `${key.slice(0, -3)}AAA` };
    const body = JSON.stringify({
      reference: 'once',
      payee: 'corner-shop',
      currency: 'CNY',
      amount: 100,
    });
    await assert.rejects(call(wrong, '/payments', { body }), /401/);
    const headers = { 'idempotency-key': 'the-same-call' };
    const first = await call(as('payment-platform/platform'), '/payments', { body, headers });
    const second = await call(as('payment-platform/platform'), '/payments', { body, headers });
    assert.deepEqual(second, first);
  });

  it('sends its events to a member’s own system, and again where that failed', async () => {
    const pay = (reference: string) =>
      call(as('payment-platform/platform'), '/payments', {
        body: JSON.stringify({ reference, payee: 'corner-shop', currency: 'CNY', amount: 100 }),
      });
    const settings = { url: endpoint.url, types: ['invoice.payment-recorded'], shown: true };
    const { secret } = (await call(as('corner-shop/admin'), '/webhooks/erp', {
      method: 'PUT',
      body: JSON.stringify(settings),
    })) as { secret: string };
    endpoint.secret = secret;
    await pay('hooked-1');
    await pay('hooked-2');
    await eventually(() => endpoint.taken.length === 2, 60_000);
    endpoint.status = 503;
    await pay('hooked-3');
    const shown = () =>
      call(as('corner-shop/admin'), '/webhooks/erp') as Promise<{ status: string }>;
    await eventually(async () => (await shown()).status === 'retrying', 60_000);
    endpoint.status = 204;
    await eventually(() => endpoint.taken.length === 3, 120_000);
    const references = endpoint.taken.map(({ reference }) => reference);
    assert.deepEqual(references, ['hooked-1', 'hooked-2', 'hooked-3']);
    await eventually(async () => (await shown()).status === 'active');
  });

  it('hands the first keys out once, and keeps secrets out of tables and logs', async () => {
    const lambda = client(LambdaClient);
    const again = await lambda.send(
      new InvokeCommand({
        FunctionName: functionName(CONSORTIUM, 'tax-bureau', 'setup'),
        Payload: Buffer.from(JSON.stringify({ kind: 'take-first-keys' })),
      }),
    );
    assert.equal(Buffer.from(again.Payload!).toString(), '{}');
    const log = readFileSync(path.join(folder, 'cloud/emulator.log'), 'utf8');
    assert.ok(log.includes('request'), 'the functions log');
    const dynamodb = client(DynamoDBClient);
    const outputs = readFileSync(path.join(folder, 'cloud/outputs.json'), 'utf8');
    const tables = await tablesOf(dynamodb);
    // The directory's and the relay's besides.
    assert.equal(tables.length, MEMBERS.length + 2);
    const secrets = Object.values(cloud.ring.keys).map((key) => key.split('_').slice(3).join('_'));
    for (const secret of [...secrets, endpoint.secret.slice('whsec_'.length)]) {
      assert.ok(secret.length > 20);
      for (const text of [log, outputs, ...tables]) assert.ok(!text.includes(secret));
    }
    assert.ok(existsSync(cloud.keyRing));
  });
});

/** Everything that stands in the account's tables, bytes as their text. */
async function tablesOf(dynamodb: DynamoDBClient): Promise<string[]> {
  const { ListTablesCommand } = await import('@aws-sdk/client-dynamodb');
  const { TableNames = [] } = await dynamodb.send(new ListTablesCommand({}));
  return Promise.all(
    TableNames.map(async (TableName) => {
      const { Items = [] } = await dynamodb.send(new ScanCommand({ TableName }));
      return Items.flatMap((item) => Object.values(item))
        .map(({ S, B, N }) => S ?? N ?? Buffer.from(B ?? []).toString('latin1'))
        .join('\n');
    }),
  );
}
