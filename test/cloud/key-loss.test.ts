/**
 * A member's signing key is disabled by mistake: the others go on, its node says so instead of trying for
 * ever, and votes again when the key is enabled. On the emulator, with IAM enforced.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { call } from '../../node/gateway-call.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { eventually } from './support/eventually.ts';
import { disableSigningKey, enableSigningKey } from './support/signing-keys.ts';

const FILE = path.resolve(import.meta.dirname, '../../examples/consortia/shenzhen-invoice.yaml');
const CONSORTIUM = 'shenzhen-invoice';

const folder = temporaryFolder();
let cloud: Cloud;
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
      if (/^50[34] /.test(error.message)) return {};
      throw error;
    })) as { readonly status?: string };
    return outcome.status === 'committed';
  }, 120_000);
}

describe('a disabled signing key', () => {
  it('stops its member’s votes, not the consortium; enabled again, the member votes again', async () => {
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
});
