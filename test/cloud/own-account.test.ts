/**
 * One consortium of all three kinds on the AWS emulator, IAM enforced: hosted functions, functions in a second
 * AWS account, and a process on a machine of its member's. They commit together, and each is needed.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackResourcesCommand,
  DescribeStacksCommand,
  type Parameter,
} from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { firstKeysOf } from '../../functions/call-member.ts';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { EMULATOR_REGION, type Emulator, startEmulator } from '../../infra/emulator/emulator.ts';
import { call } from '../../node/gateway-call.ts';
import { publicJwkOf } from '../../node/key-file.ts';
import { setUpInvoicing } from '../../node/local-setup.ts';
import { CLI, fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { eventually } from './support/eventually.ts';
import { administrators, CONSORTIUM, CONSORTIUM_FILE, HOSTED } from './support/joining.ts';
import { printFaults } from './support/print-faults.ts';
import { disableSigningKey, enableSigningKey } from './support/signing-keys.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SHOP_PORT = 18_796;
/** Another account than that of the consortium's operator: an emulator of its own, reached over HTTP only. */
const ACCOUNT = '222222222222';
const STACK = `fuqi-${CONSORTIUM}-corner-shop`;

const folder = temporaryFolder();
const root = path.join(folder, 'home');
const at = (name: string): string => path.join(folder, name);
let cloud: Cloud;
let account: Emulator;
let team: ReturnType<typeof administrators>;
let cloudformation: CloudFormationClient;
let lambda: LambdaClient;
let keys: Record<string, string>;
let bank: ChildProcess | undefined;

printFaults(at('cloud'));
before(async () => {
  writeFileSync(at('consortium.yaml'), CONSORTIUM_FILE);
  writeFileSync(at('passphrase'), 'a passphrase of the bank\n', { mode: 0o600 });
  cloud = await cloudUp({ file: at('consortium.yaml'), folder: at('cloud'), root, auth: true });
  team = administrators(cloud, root);
  account = await startEmulator({ folder: at('account'), account: ACCOUNT, auth: true });
  cloudformation = new CloudFormationClient(options());
  lambda = new LambdaClient(options());
});
after(async () => {
  bank?.kill('SIGTERM');
  cloudformation?.destroy();
  lambda?.destroy();
  await account?.stop();
  await cloud?.stop();
});

const options = () => ({
  endpoint: account.url,
  region: EMULATOR_REGION,
  credentials: { accessKeyId: ACCOUNT, secretAccessKey: 'emulator' },
});

/** Launches what the command line prepared, as the member's administrator does. */
async function launch(prepared: {
  readonly stackName: string;
  readonly parameters: string;
  readonly template: { readonly file: string };
}): Promise<void> {
  await cloudformation.send(
    new CreateStackCommand({
      StackName: prepared.stackName,
      TemplateBody: readFileSync(prepared.template.file, 'utf8'),
      Parameters: JSON.parse(readFileSync(prepared.parameters, 'utf8')) as Parameter[],
      Capabilities: ['CAPABILITY_IAM'],
    }),
  );
  const { stackName } = prepared;
  await eventually(async () => !(await stackStatus(stackName)).endsWith('IN_PROGRESS'), 90_000);
  assert.equal(await stackStatus(stackName), 'CREATE_COMPLETE');
}

async function stackStatus(StackName: string): Promise<string> {
  try {
    const { Stacks } = await cloudformation.send(new DescribeStacksCommand({ StackName }));
    const { StackStatus = '', StackStatusReason = '' } = Stacks![0]!;
    return `${StackStatus} ${StackStatusReason}`.trim();
  } catch (error) {
    if (/does not exist/.test(String(error))) return 'gone';
    throw error;
  }
}

async function addIdentity(key: string, name: string): Promise<string | undefined> {
  const jwk = publicJwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const body = JSON.stringify({ name, roles: [], jwk });
  const headers = { prefer: 'wait=20', 'idempotency-key': name };
  const outcome = (await call({ ...team.as('buyer-co/admin'), key }, '/identities', {
    body,
    headers,
  })) as { readonly status?: string };
  return outcome.status;
}

describe('a consortium of all three kinds', () => {
  it('takes a member in whose node runs in an AWS account of its own', async () => {
    const { link, invitation } = await team.invite('corner-shop', '--role', 'invoice.seller');
    const join = [
      ...['join', link, '--hosting', 'own-account', '--folder', at('corner-shop')],
      ...['--region', EMULATOR_REGION, '--identity', 'seller=invoice.seller'],
    ];
    const { launch: prepared } = await fuqiJson(...join, '--no-wait');
    assert.equal(prepared.stackName, STACK);
    assert.match(prepared.link, /^https:\/\/console\.aws\.amazon\.com\/.*#\/stacks\/quickcreate\?/);
    assert.ok(!prepared.link.includes('fuqi-invitation_'), 'the invitation is in no link');
    await launch(prepared);
    assert.equal((await team.progress(invitation.id)).status, 'accepted');
    await team.vote(invitation.id);
    // It goes on by itself; asking shows how far it is.
    const { invitation: joined } = await fuqiJson(...join);
    assert.equal(joined.votesItself, true);
    keys = await firstKeysOf(lambda, CONSORTIUM, 'corner-shop', 'take-first-keys');
    assert.deepEqual(Object.keys(keys).sort(), ['admin', 'seller']);
  });

  it('protects its stack, which would take table and keys away, from deletion', async () => {
    await assert.rejects(
      cloudformation.send(new DeleteStackCommand({ StackName: STACK })),
      /TerminationProtection|termination protection/i,
    );
  });

  it('takes another one in whose node is a process', async () => {
    const { link, invitation } = await team.invite('bank');
    const join = [
      ...['join', link, '--hosting', 'private', '--folder', at('bank')],
      ...['--passphrase-file', at('passphrase'), '--listen', `127.0.0.1:${SHOP_PORT}`],
    ];
    await fuqiJson(...join, '--no-wait');
    await team.vote(invitation.id);
    const { config } = await fuqiJson(...join);
    bank = spawn(process.execPath, [CLI, 'node', 'start', '--config', config], { stdio: 'ignore' });
    await eventually(async () => (await team.progress(invitation.id)).votesItself, 60_000);
  });

  it('runs the invoice flow, through one gateway', async () => {
    const admin = { ...team.as('tax-bureau/admin'), key: undefined };
    const invoicing = {
      bureau: 'tax-bureau/officer',
      merchant: 'corner-shop',
      currencies: ['CNY', 'EUR', 'GBP', 'USD'],
    };
    await setUpInvoicing(admin, { invoicing }, cloud.ring.keys);
    const named = Object.entries(keys).map(([name, key]) => [`corner-shop/${name}`, key]);
    const ring = { ...cloud.ring, keys: { ...cloud.ring.keys, ...Object.fromEntries(named) } };
    writeFileSync(cloud.keyRing, JSON.stringify(ring));
    const week = readFileSync(path.join(ROOT, 'examples/corner-shop-week.jsonl'), 'utf8');
    writeFileSync(at('invoices.jsonl'), week.split('\n').slice(0, 2).join('\n'));
    const report = await fuqiJson(
      ...['import', 'invoices', at('invoices.jsonl'), '--concurrency', '2'],
      ...['--consortium', CONSORTIUM, '--home', root],
    );
    assert.deepEqual([report.invoices, report.refused], [2, 0]);
  });

  it('needs each kind: of five four have to vote', async () => {
    await disableSigningKey(cloud, HOSTED[2]);
    assert.equal(await addIdentity(keys.admin!, 'of-two-hosted-and-the-others'), 'committed');
    await enableSigningKey(cloud, HOSTED[2]);
  });

  it('leaves nothing of a candidate that was refused, once its administrator deletes the stack', async () => {
    const { link, invitation } = await team.invite('sixth-co');
    const join = ['join', link, '--hosting', 'own-account', '--folder', at('sixth-co')];
    const { launch: prepared } = await fuqiJson(...join, '--no-wait');
    await launch(prepared);
    await team.vote(invitation.id, '--refuse');
    const ended = await fuqi(...join, '--json');
    assert.equal(ended.code, 1);
    assert.match(ended.stdout, /refused/);
    const StackName = prepared.stackName;
    const { StackResources = [] } = await cloudformation.send(
      new DescribeStackResourcesCommand({ StackName }),
    );
    await cloudformation.send(new DeleteStackCommand({ StackName }));
    await eventually(async () => (await stackStatus(StackName)) === 'gone', 60_000);
    const idsOf = (type: string): string[] =>
      StackResources.flatMap(({ ResourceType, PhysicalResourceId }) =>
        ResourceType === type ? PhysicalResourceId! : [],
      );
    const kms = new KMSClient(options());
    for (const KeyId of idsOf('AWS::KMS::Key')) {
      const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId }));
      assert.equal(KeyMetadata?.KeyState, 'PendingDeletion');
    }
    kms.destroy();
    const dynamodb = new DynamoDBClient(options());
    const { TableNames = [] } = await dynamodb.send(new ListTablesCommand({}));
    dynamodb.destroy();
    assert.deepEqual(
      TableNames.filter((name) => idsOf('AWS::DynamoDB::GlobalTable').includes(name)),
      [],
    );
  });

  it('takes the node of a first member in, which moves out of the consortium’s own stack', async () => {
    const mover = 'buyer-co';
    const admin = ['--as', `${mover}/admin`, '--consortium', CONSORTIUM, '--home', root];
    const { link, invitation } = await fuqiJson('invite', mover, ...admin);
    const join = ['join', link, '--hosting', 'own-account', '--folder', at('moved')];
    const { launch: prepared } = await fuqiJson(...join, '--no-wait');
    await launch(prepared);
    // More than two thirds of the five: with itself three others.
    for (const member of ['tax-bureau', 'payment-platform', 'corner-shop']) {
      await team.voteAs(member, invitation.id);
    }
    await eventually(async () => (await team.progress(invitation.id)).votesItself, 90_000);
    const moved = await firstKeysOf(lambda, CONSORTIUM, mover, 'take-first-keys');
    // The gateway was deployed with its function, which says that the node is elsewhere, or knows no such key.
    assert.equal(await addIdentity(moved.admin!, 'of-the-node-that-moved'), 'committed');
  });
});
