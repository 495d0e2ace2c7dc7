/**
 * A member whose node nobody can reach, in a hosted consortium on the AWS emulator: it connects out to the
 * relay, joins, votes, and is needed.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { call } from '../../node/gateway-call.ts';
import { publicJwkOf } from '../../node/key-file.ts';
import { CLI, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { eventually } from './support/eventually.ts';
import { administrators, CONSORTIUM, CONSORTIUM_FILE } from './support/joining.ts';
import { printFaults } from './support/print-faults.ts';
import { disableSigningKey } from './support/signing-keys.ts';

/** Nobody calls here: the others are told of the relay. */
const LISTEN = '127.0.0.1:18795';

const folder = temporaryFolder();
const root = path.join(folder, 'home');
const at = (name: string): string => path.join(folder, name);
let cloud: Cloud;
let team: ReturnType<typeof administrators>;
let config: string;
let shop: ChildProcess | undefined;

printFaults(at('cloud'));
before(async () => {
  writeFileSync(at('consortium.yaml'), CONSORTIUM_FILE);
  writeFileSync(at('passphrase'), 'a passphrase of the corner shop\n', { mode: 0o600 });
  cloud = await cloudUp({ file: at('consortium.yaml'), folder: at('cloud'), root, auth: true });
  team = administrators(cloud, root);
});
after(async () => {
  shop?.kill('SIGTERM');
  await cloud?.stop();
});

const start = (): ChildProcess =>
  spawn(process.execPath, [CLI, 'node', 'start', '--config', config], { stdio: 'ignore' });

const publicKey = () => publicJwkOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);

async function addIdentity(name: string, jwk: object): Promise<string | undefined> {
  const body = JSON.stringify({ name, roles: ['invoice.employee'], jwk });
  const headers = { prefer: 'wait=20', 'idempotency-key': name };
  const outcome = (await call(team.as('buyer-co/admin'), '/identities', { body, headers }).catch(
    (error: Error) => {
      if (/^50[34] /.test(error.message)) return {};
      throw error;
    },
  )) as { readonly status?: string };
  return outcome.status;
}

describe('a node behind the relay', () => {
  it('joins without an inbound port, and votes', async () => {
    const { link, invitation } = await team.invite('corner-shop', '--role', 'invoice.seller');
    const join = [
      ...['join', link, '--hosting', 'private', '--folder', at('corner-shop')],
      ...['--passphrase-file', at('passphrase'), '--listen', LISTEN, '--relay', cloud.relay],
      ...['--identity', 'seller=invoice.seller'],
    ];
    await fuqiJson(...join, '--no-wait');
    await team.vote(invitation.id);
    ({ config } = (await fuqiJson(...join)) as { config: string });
    shop = start();
    await eventually(async () => (await team.progress(invitation.id)).votesItself, 60_000);
    const { output } = (await call(team.as('tax-bureau/admin'), '/members')) as {
      output: { members: { id: string; endpoint?: string }[] };
    };
    const { endpoint } = output.members.find(({ id }) => id === 'corner-shop')!;
    assert.equal(endpoint, `${cloud.url}/v1/consortia/${CONSORTIUM}/relay/corner-shop`);
  });

  it('is needed where another one is missing, and connects again when it was away', async () => {
    const keys = JSON.parse(readFileSync(at('corner-shop/first-api-keys.json'), 'utf8'));
    assert.ok(keys.keys['corner-shop/seller']);
    // Of four three have to vote.
    await disableSigningKey(cloud, 'tax-bureau');
    assert.equal(await addIdentity('with-the-shop', publicKey()), 'committed');
    shop!.kill('SIGTERM');
    await once(shop!, 'exit');
    const jwk = publicKey();
    assert.notEqual(await addIdentity('without-the-shop', jwk), 'committed');
    shop = start();
    await eventually(
      async () => (await addIdentity('without-the-shop', jwk)) === 'committed',
      90_000,
    );
  });
});
