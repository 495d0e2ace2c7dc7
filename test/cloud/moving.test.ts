/**
 * Members of a hosted consortium move their nodes while it runs, on the AWS emulator: out of the operator's account
 * to a machine of their own, and back. The ledger, its history, their votes and what their vaults hold go along.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { call } from '../../node/gateway-call.ts';
import { publicJwkOf } from '../../node/key-file.ts';
import type { KeyRing } from '../../node/local-layout.ts';
import { CLI, fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { eventually } from './support/eventually.ts';
import { administrators, CONSORTIUM, CONSORTIUM_FILE, HOSTED } from './support/joining.ts';
import { printFaults } from './support/print-faults.ts';
import { disableSigningKey, enableSigningKey } from './support/signing-keys.ts';

const folder = temporaryFolder();
const root = path.join(folder, 'home');
const at = (name: string): string => path.join(folder, name);
let cloud: Cloud;
let team: ReturnType<typeof administrators>;
let node: ChildProcess | undefined;
const PLATFORM = 'einvoice.payment-platform';
/** Transactions of the member with hidden fields. */
const payments: string[] = [];

printFaults(at('cloud'));
before(async () => {
  writeFileSync(at('consortium.yaml'), CONSORTIUM_FILE);
  writeFileSync(at('passphrase'), 'a passphrase of the new machine\n', { mode: 0o600 });
  cloud = await cloudUp({ file: at('consortium.yaml'), folder: at('cloud'), root, auth: true });
  team = administrators(cloud, root);
});
after(async () => {
  node?.kill('SIGTERM');
  await cloud?.stop();
});

/** Takes the first keys of a member's node from its folder into the ring of the command line. */
function takeKeys(name: string): void {
  const { keys } = JSON.parse(readFileSync(at(`${name}/first-api-keys.json`), 'utf8')) as KeyRing;
  Object.assign(cloud.ring.keys, keys);
  writeFileSync(cloud.keyRing, JSON.stringify(cloud.ring));
}

const members = async () =>
  (
    (await call(team.as('tax-bureau/admin'), '/members')) as {
      output: { members: { id: string; hosting: string; endpoint?: string }[] };
    }
  ).output.members;

/** An own member's call by its present key, through the gateway: its node has it committed. */
async function addIdentity(member: string, name: string): Promise<string | undefined> {
  const jwk = publicJwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
  const body = JSON.stringify({ name, roles: [], jwk });
  const headers = { prefer: 'wait=20', 'idempotency-key': name };
  const outcome = (await call(team.as(`${member}/admin`), '/identities', { body, headers })) as {
    status?: string;
  };
  return outcome.status;
}

/** A payment whose fields are hidden, by the member's platform; answers its transaction. */
async function recordPayment(): Promise<string> {
  const id = randomUUID();
  const payment = { id, reference: `wx-${id}`, payee: 'buyer-co', currency: 'CNY', amount: 11_300 };
  const body = JSON.stringify(payment);
  const headers = { prefer: 'wait=20', 'idempotency-key': id };
  const outcome = (await call(team.as('fifth-co/platform'), '/einvoices/payments', {
    ...{ body, headers },
  })) as { status: string; id: string };
  assert.equal(outcome.status, 'committed');
  return outcome.id;
}

/** Once the member's present node works with its vault: which transactions' values are there. */
async function heldOnceMoved(): Promise<readonly string[]> {
  type Page = { moving: boolean; records: { transaction: string }[] };
  const page = () => call(team.as('fifth-co/admin'), '/vault') as Promise<Page>;
  await eventually(async () => !(await page()).moving, 60_000);
  return (await page()).records.map(({ transaction }) => transaction);
}

/** Without one of the others, each of the remaining three validators has to vote. */
async function isNeeded(member: string, name: string): Promise<void> {
  await disableSigningKey(cloud, HOSTED[0]);
  assert.equal(await addIdentity(member, name), 'committed');
  await enableSigningKey(cloud, HOSTED[0]);
}

/** Joins by the command line, which looks how far it is, while the others vote as soon as they can. */
async function joinHosted(join: readonly string[], invitation: string): Promise<void> {
  const voting = async (): Promise<void> => {
    await eventually(() => team.isAccepted(invitation), 60_000);
    await team.vote(invitation);
  };
  const [{ onboarding }] = await Promise.all([fuqiJson(...join), voting()]);
  assert.equal(onboarding.phase, 'done');
}

const invite = (member: string) =>
  fuqiJson(
    ...['invite', member, '--as', `${member}/admin`],
    ...['--consortium', CONSORTIUM, '--home', root],
  ) as Promise<{ link: string; invitation: { id: string } }>;

describe('a member of a hosted consortium', () => {
  it('joins hosted', async () => {
    const { link, invitation } = await team.invite('fifth-co', '--role', PLATFORM);
    const join = ['join', link, '--hosting', 'hosted', '--folder', at('fifth-co')];
    await joinHosted([...join, '--identity', `platform=${PLATFORM}`], invitation.id);
    takeKeys('fifth-co');
    assert.equal(await addIdentity('fifth-co', 'first'), 'committed');
    payments.push(await recordPayment());
  });

  it('moves to a machine of its own, with the same history', async () => {
    const { link, invitation } = await invite('fifth-co');
    const join = [
      ...['join', link, '--hosting', 'private', '--folder', at('machine')],
      ...['--passphrase-file', at('passphrase'), '--listen', '127.0.0.1:18798'],
      ...['--identity', `platform=${PLATFORM}`],
    ];
    await fuqiJson(...join, '--no-wait');
    await team.vote(invitation.id);
    const { config } = await fuqiJson(...join);
    node = spawn(process.execPath, [CLI, 'node', 'start', '--config', config], { stdio: 'ignore' });
    await eventually(async () => (await team.progress(invitation.id)).votesItself, 60_000);
    takeKeys('machine');
    const moved = (await members()).find(({ id }) => id === 'fifth-co')!;
    assert.deepEqual([moved.hosting, moved.endpoint], ['private', 'http://127.0.0.1:18798']);
    // Its new key reaches the new node through the gateway, which has what was committed before.
    const { output } = (await call(team.as('fifth-co/admin'), '/members/fifth-co/identities')) as {
      output: { identities: { name: string }[] };
    };
    assert.ok(output.identities.some(({ name }) => name === 'first'));
    assert.deepEqual(await heldOnceMoved(), payments);
    payments.push(await recordPayment());
    await isNeeded('fifth-co', 'on-its-own-machine');
  });

  it('moves back: a new node is made in the place of its old one', async () => {
    const { link, invitation } = await invite('fifth-co');
    const join = ['join', link, '--hosting', 'hosted', '--folder', at('back')];
    await joinHosted([...join, '--identity', `platform=${PLATFORM}`], invitation.id);
    takeKeys('back');
    assert.deepEqual(await heldOnceMoved(), payments.toSorted());
    node!.kill('SIGTERM');
    await once(node!, 'exit');
    const back = (await members()).find(({ id }) => id === 'fifth-co')!;
    assert.deepEqual([back.hosting, back.endpoint], ['hosted', undefined]);
    await isNeeded('fifth-co', 'hosted-again');
  });

  it('can’t have its node made twice', async () => {
    const { link } = await invite('fifth-co');
    const again = await fuqi('join', link, '--hosting', 'hosted', '--json');
    assert.match(again.stdout, /hosted here already/);
    const { link: founder } = await invite('buyer-co');
    const second = await fuqi('join', founder, '--hosting', 'hosted', '--json');
    assert.match(second.stdout, /take the member out of its file/);
  });
});
