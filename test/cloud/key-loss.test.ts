/**
 * A member's signing key is rotated; one is disabled by mistake: the others go on, its node says so instead of trying for
 * ever, and votes again when the key is enabled. On the emulator, with IAM enforced.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { parse } from 'yaml';
import { functionName } from '../../functions/function-name.ts';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { deploy } from '../../infra/emulator/deploy.ts';
import { EMULATOR_CREDENTIALS, EMULATOR_REGION } from '../../infra/emulator/emulator.ts';
import { call } from '../../node/gateway-call.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { eventually } from './support/eventually.ts';
import { printFaults } from './support/print-faults.ts';
import { disableKey, disableSigningKey, enableSigningKey } from './support/signing-keys.ts';

const FILE = path.resolve(import.meta.dirname, '../../examples/consortia/shenzhen-invoice.yaml');
const CONSORTIUM = 'shenzhen-invoice';

const folder = temporaryFolder();
let cloud: Cloud;
printFaults(path.join(folder, 'cloud'));
before(async () => {
  const root = path.join(folder, 'home');
  cloud = await cloudUp({ file: FILE, folder: path.join(folder, 'cloud'), root, auth: true });
});
after(() => cloud?.stop());

const as = (name: string) => ({
  url: cloud.url,
  consortium: CONSORTIUM,
  key: cloud.ring.keys[name],
});

const stateOf = async (member: string): Promise<string> => {
  const consensus = await call(as(`${member}/admin`), '/consensus');
  return (consensus as { state: string }).state;
};

/** A payment by the platform, sent again until it is final: while votes are short, a call may take too long. */
async function pay(reference: string): Promise<void> {
  const body = JSON.stringify({ reference, payee: 'corner-shop', currency: 'CNY', amount: 100 });
  const headers = { 'idempotency-key': reference };
  const answer = () => call(as('payment-platform/platform'), '/payments', { body, headers });
  await eventually(async () => {
    const outcome = (await answer().catch((error: Error) => {
      if (/^50[234] /.test(error.message)) return {};
      throw error;
    })) as { readonly status?: string };
    return outcome.status === 'committed';
  }, 120_000);
}

describe('a signing key', () => {
  it('that is disabled stops its member’s votes, not the consortium; enabled again, the member votes again', async () => {
    const lost = await disableSigningKey(cloud, 'buyer-co');
    await pay('one-without-buyer-co');
    await pay('two-without-buyer-co');
    await eventually(async () => (await stateOf('buyer-co')) === 'unable-to-sign', 90_000);
    assert.notEqual(await stateOf('corner-shop'), 'unable-to-sign');
    const log = readFileSync(path.join(folder, 'cloud/emulator.log'), 'utf8');
    assert.ok(log.includes(`${lost} can’t be used`), 'the log names the key');
    assert.ok(log.includes('"CannotSign":1'), 'the alarm’s metric is sent');

    await enableSigningKey(cloud, 'buyer-co');
    await eventually(async () => (await stateOf('buyer-co')) !== 'unable-to-sign', 90_000);
    // Three of four have to vote: without another one, its vote is needed.
    await disableSigningKey(cloud, 'corner-shop');
    await pay('with-buyer-co-again');
  });

  it('is rotated by the members’ vote: deployed beside the old one, which counts no more then', async () => {
    await enableSigningKey(cloud, 'corner-shop');
    const file = path.join(folder, 'rotated.json');
    const example = parse(readFileSync(FILE, 'utf8')) as { members: { id: string }[] };
    const members = example.members.map((one) =>
      one.id === 'buyer-co' ? { ...one, signingKey: 2 } : one,
    );
    writeFileSync(file, JSON.stringify({ ...example, members }));
    const { endpoint: url } = cloud;
    await deploy({ url, folder: path.join(folder, 'cloud'), consortium: file });
    const [old, next] = await signingKeysOf('buyer-co');
    assert.equal(await nodeKeyOf('buyer-co'), old.jwk.x);
    const action = { kind: 'replace-node-key', member: 'buyer-co', nodeKey: next.jwk };
    const proposed = (await call(as('buyer-co/admin'), '/proposals', {
      body: JSON.stringify({ action }),
      headers: { prefer: 'wait=25' },
    })) as { output: { id: string; digest: string } };
    const { id, digest } = proposed.output;
    for (const member of ['tax-bureau', 'payment-platform']) {
      const body = JSON.stringify({ digest, approve: true });
      await call(as(`${member}/admin`), `/proposals/${id}/vote`, {
        body,
        headers: { prefer: 'wait=25' },
      });
    }
    await eventually(async () => (await nodeKeyOf('buyer-co')) === next.jwk.x, 90_000);
    // Three of four have to vote: without another one, and without the old key, the new one has to.
    await disableKey(cloud, old.id);
    await disableSigningKey(cloud, 'corner-shop');
    await pay('with-the-new-key');
  });
});

interface PublicKey {
  readonly id: string;
  readonly jwk: { readonly x: string };
}

/** A member's signing keys, as its setup says to whoever may invoke it in its account. */
async function signingKeysOf(member: string): Promise<[PublicKey, PublicKey]> {
  const lambda = new LambdaClient({
    endpoint: cloud.endpoint,
    region: EMULATOR_REGION,
    credentials: EMULATOR_CREDENTIALS,
  });
  const { Payload } = await lambda.send(
    new InvokeCommand({
      FunctionName: functionName(CONSORTIUM, member, 'setup'),
      Payload: Buffer.from('{"kind":"signing-keys"}'),
    }),
  );
  lambda.destroy();
  return JSON.parse(Buffer.from(Payload!).toString()) as [PublicKey, PublicKey];
}

async function nodeKeyOf(member: string): Promise<string> {
  const { output } = (await call(as('tax-bureau/admin'), '/members')) as {
    output: { members: { id: string; nodeKey: { x: string } }[] };
  };
  return output.members.find(({ id }) => id === member)!.nodeKey.x;
}
