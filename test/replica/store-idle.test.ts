import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { isStoreIdle } from '../../shared/replica/store-idle.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'] as const;
let network: LocalNetwork;
before(async () => {
  network = await LocalNetwork.open({ members: [...MEMBERS], catalog: counterCatalog });
});
after(() => network?.close());

const isIdle = (member: string): Promise<boolean> =>
  isStoreIdle(network.node(member).replica.ports);
/** Submits a transaction to alpha's node; answers its status. */
async function raise(by: number, waitMs: number): Promise<string> {
  const signed = network.signed('alpha/admin', 'counter', 'raise', { name: 'a', by });
  const transaction = parseTransaction(signed);
  assert.ok(!(transaction instanceof Rejected));
  const outcome = await network.service('alpha').submit(transaction, waitMs);
  assert.ok(!(outcome instanceof Rejected));
  return outcome.status;
}

it('a store is idle before the first block, and once all that was accepted is final', async () => {
  for (const member of MEMBERS) assert.equal(await isIdle(member), true, member);
  assert.equal(await raise(1, 20_000), 'committed');
  for (const member of MEMBERS) {
    await until(() => network.node(member).replica.alarmAt === null);
    await until(() => isIdle(member));
  }
});

it('a store is not idle while a transaction waits in it, or a block with one', async () => {
  for (const member of MEMBERS.slice(2)) network.stop(member);
  assert.equal(await raise(2, 0), 'pending');
  assert.equal(await isIdle('alpha'), false);
  // Whoever voted for its block waits for the certificate.
  await until(() => {
    const { statement, highQc } = network.node('beta').replica.record;
    return statement?.kind === 'vote' && statement.block !== highQc.block;
  });
  assert.equal(await isIdle('beta'), false);
});
