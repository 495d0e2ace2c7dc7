/**
 * Members that join a hosted consortium while it runs, on the AWS emulator: one on its own machine, one
 * hosted. Nobody redeploys anything.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  CloudFormationClient,
  DescribeStackResourcesCommand,
} from '@aws-sdk/client-cloudformation';
import { DynamoDBClient, ListTablesCommand } from '@aws-sdk/client-dynamodb';
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import type { Browser, Page } from 'playwright-core';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { EMULATOR_CREDENTIALS, EMULATOR_REGION } from '../../infra/emulator/emulator.ts';
import { call } from '../../node/gateway-call.ts';
import { publicJwkOf } from '../../node/key-file.ts';
import type { KeyRing } from '../../node/local-layout.ts';
import { setUpInvoicing } from '../../node/local-setup.ts';
import { openBrowser } from '../browser/chromium.ts';
import { CLI, fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { eventually } from './support/eventually.ts';
import { administrators, CONSORTIUM, CONSORTIUM_FILE } from './support/joining.ts';
import { printFaults } from './support/print-faults.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SHOP_PORT = 18_790;

const folder = temporaryFolder();
const root = path.join(folder, 'home');
const at = (name: string): string => path.join(folder, name);
const own = ['--consortium', CONSORTIUM, '--home', root];
let cloud: Cloud;
let team: ReturnType<typeof administrators>;
let shop: ChildProcess | undefined;
let browser: Browser;

printFaults(at('cloud'));
before(async () => {
  writeFileSync(at('consortium.yaml'), CONSORTIUM_FILE);
  writeFileSync(at('passphrase'), 'a passphrase of the corner shop\n', { mode: 0o600 });
  cloud = await cloudUp({ file: at('consortium.yaml'), folder: at('cloud'), root, auth: true });
  team = administrators(cloud, root);
  browser = await openBrowser();
});
after(async () => {
  shop?.kill('SIGTERM');
  await browser?.close();
  await cloud?.stop();
});

const admin = () => team.as('tax-bureau/admin');
const joinHosted = (link: string, member: string, ...more: string[]) =>
  fuqiJson('join', link, '--hosting', 'hosted', '--folder', at(member), ...more);
const keysOf = (member: string): Record<string, string> =>
  (JSON.parse(readFileSync(at(`${member}/first-api-keys.json`), 'utf8')) as KeyRing).keys;
/** What the invited member opens; nothing fails on it, and nothing is asked of anybody else. */
async function openLink(link: string): Promise<Page> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, locale: 'en' });
  page.on('pageerror', (error) => assert.fail(error));
  page.on('request', (request) => assert.ok(request.url().startsWith(cloud.endpoint)));
  await page.goto(link);
  await page.locator('#hosted-card').waitFor();
  return page;
}

const SHOTS = process.env.FUQI_SCREENSHOTS;
async function shoot(page: Page, name: string): Promise<void> {
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${name}.png`, fullPage: true });
}

const client = <T>(make: new (options: object) => T): T =>
  new make({
    endpoint: cloud.endpoint,
    region: EMULATOR_REGION,
    credentials: EMULATOR_CREDENTIALS,
  });

/** The head of every member's node, as each has it itself. */
async function heads(keys: Readonly<Record<string, string>>): Promise<Set<string>> {
  const answers = Object.values(keys).map(
    (key) => call({ ...admin(), key }, '/blocks/head') as Promise<{ id: string }>,
  );
  return new Set((await Promise.all(answers)).map(({ id }) => id));
}

describe('a hosted consortium', () => {
  it('takes a member on its own machine, which makes its own keys and votes', async () => {
    const { link, invitation } = await team.invite('corner-shop', '--role', 'invoice.seller');
    const join = [
      ...['join', link, '--hosting', 'private', '--folder', at('corner-shop')],
      ...['--passphrase-file', at('passphrase'), '--listen', `127.0.0.1:${SHOP_PORT}`],
      ...['--identity', 'seller=invoice.seller'],
    ];
    await fuqiJson(...join, '--no-wait');
    await team.vote(invitation.id);
    const { config } = await fuqiJson(...join);
    shop = spawn(process.execPath, [CLI, 'node', 'start', '--config', config], { stdio: 'ignore' });
    await eventually(async () => (await team.progress(invitation.id)).votesItself, 60_000);
  });

  it('runs the invoice flow with it, through one gateway', async () => {
    const invoicing = {
      bureau: 'tax-bureau/officer',
      merchant: 'corner-shop',
      currencies: ['CNY', 'EUR', 'GBP', 'USD'],
    };
    await setUpInvoicing({ ...admin(), key: undefined }, { invoicing }, cloud.ring.keys);
    const keys = { ...cloud.ring.keys, ...keysOf('corner-shop') };
    writeFileSync(cloud.keyRing, JSON.stringify({ ...cloud.ring, keys }));
    const week = readFileSync(path.join(ROOT, 'examples/corner-shop-week.jsonl'), 'utf8');
    writeFileSync(at('invoices.jsonl'), week.split('\n').slice(0, 2).join('\n'));
    const report = await fuqiJson(
      ...['import', 'invoices', at('invoices.jsonl'), '--concurrency', '2', ...own],
    );
    assert.deepEqual([report.invoices, report.refused], [2, 0]);
    const admins = Object.entries(keys).filter(([name]) => name.endsWith('/admin'));
    assert.equal(admins.length, 4);
    await eventually(async () => (await heads(Object.fromEntries(admins))).size === 1, 60_000);
  });

  it('makes the node of a fifth member at run time, in the browser, and it votes', async () => {
    const { link, invitation } = await team.invite('fifth-co', '--role', 'invoice.seller');
    const page = await openLink(link);
    await page.locator('#identities').fill('seller = invoice.seller');
    await page.locator('#own-start').click();
    await page.locator('#launch').waitFor();
    const launch = new URL((await page.locator('#launch').getAttribute('href'))!);
    assert.equal(launch.hostname, 'console.aws.amazon.com');
    assert.match(launch.hash, /param_Member=fifth-co/);
    assert.ok(!launch.href.includes('fuqi-invitation'));
    await shoot(page, 'join-hosted');
    await page.locator('#hosted-start').click();
    await eventually(() => team.isAccepted(invitation.id), 60_000);
    await team.vote(invitation.id);
    // Three of four have approved. It goes on by itself; asking shows how far it is.
    await page.locator('#keys').waitFor({ timeout: 60_000 });
    const { keys } = JSON.parse((await page.locator('#ring').textContent())!) as KeyRing;
    await page.getByText('The node is one of the consortium’s.').waitFor({ timeout: 60_000 });
    await shoot(page, 'join-done');
    await page.locator('#kept').click();
    await page.locator('#keys').waitFor({ state: 'hidden' });
    await page.close();
    const { onboarding, firstKeys } = await joinHosted(link, 'fifth-co');
    assert.deepEqual([onboarding.phase, firstKeys], ['done', undefined]);
    const tables = await client(DynamoDBClient).send(new ListTablesCommand({}));
    assert.ok(tables.TableNames?.some((name) => name.includes('member-fifth-co')));
    // Of five validators four have to agree: without the shop, the fifth one has to.
    shop!.kill('SIGTERM');
    await once(shop!, 'exit');
    const key = keys['fifth-co/admin'];
    const { status } = (await call({ ...admin(), key }, '/identities', {
      body: JSON.stringify({
        name: 'clerk',
        roles: ['invoice.seller'],
        jwk: publicJwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      }),
      headers: { prefer: 'wait=25' },
    })) as { status: string };
    assert.equal(status, 'committed');
  });

  it('leaves nothing of a candidate that the members refuse', async () => {
    const { link, invitation } = await team.invite('sixth-co');
    await joinHosted(link, 'sixth-co', '--no-wait');
    await eventually(() => team.isAccepted(invitation.id), 60_000);
    const resources = await stackOf('sixth-co');
    const key = resources.find(({ ResourceType }) => ResourceType === 'AWS::KMS::Key');
    await team.vote(invitation.id, '--refuse');
    const ended = await fuqi(
      ...['join', link, '--hosting', 'hosted', '--folder', at('sixth-co'), '--json'],
    );
    assert.equal(ended.code, 1);
    assert.match(ended.stdout, /refused/);
    await eventually(async () => (await stackOf('sixth-co')).length === 0, 60_000);
    const { TableNames = [] } = await client(DynamoDBClient).send(new ListTablesCommand({}));
    assert.ok(!TableNames.some((name) => name.includes('sixth-co')));
    const { KeyMetadata } = await client(KMSClient).send(
      new DescribeKeyCommand({ KeyId: key!.PhysicalResourceId! }),
    );
    assert.equal(KeyMetadata?.KeyState, 'PendingDeletion');
  });

  it('refuses whoever has no invitation, and a second use of one', async () => {
    const { link } = await team.invite('seventh-co');
    const wrong = `${link.slice(0, -43)}${'A'.repeat(43)}`;
    const { stdout } = await fuqi('join', wrong, '--hosting', 'hosted', '--json');
    assert.match(stdout, /401/);
  });
});

/** What a candidate's stack holds; nothing where there is none. */
async function stackOf(member: string) {
  try {
    const { StackResources = [] } = await client(CloudFormationClient).send(
      new DescribeStackResourcesCommand({ StackName: `fuqi-${CONSORTIUM}-member-${member}` }),
    );
    return StackResources.filter(({ ResourceStatus }) => ResourceStatus !== 'DELETE_COMPLETE');
  } catch (error) {
    if (/does not exist/.test(String(error))) return [];
    throw error;
  }
}
