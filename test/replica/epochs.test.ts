import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { TransactionStatus } from '../../shared/api/ledger-service.ts';
import type { Value } from '../../shared/bytes/cbor.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type TransactionBody } from '../../shared/ledger/transaction.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { contracts } from '../../workloads/catalog.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const system = contracts.entries.filter(({ contract }) =>
  ['governance', 'identity'].includes(contract.name),
);
let network: LocalNetwork;
afterEach(() => network?.close());

const open = async (): Promise<void> => {
  network = await LocalNetwork.open({
    members: MEMBERS,
    catalog: catalog([...system, ...counterCatalog.entries]),
  });
};

async function call(
  member: string,
  contract: string,
  method: string,
  args: TransactionBody['args'],
): Promise<TransactionStatus & { status: 'committed' }> {
  const transaction = parseTransaction(network.signed(`${member}/admin`, contract, method, args));
  assert.ok(!(transaction instanceof Rejected));
  const status = await network.service(member).submit(transaction, 15_000);
  assert.ok(!(status instanceof Rejected), JSON.stringify(status));
  assert.equal(status.status, 'committed', JSON.stringify(status));
  return status as TransactionStatus & { status: 'committed' };
}

const outputOf = (status: TransactionStatus & { status: 'committed' }): Record<string, Value> =>
  status.result.status === 'committed' ? (status.result.output as Record<string, Value>) : {};

/** Proposes an action and votes until it is enacted; 3 of 4 members are more than two thirds. */
async function decide(action: Value, voters: readonly string[]): Promise<void> {
  const [proposer, ...others] = voters;
  const { id, digest } = outputOf(await call(proposer!, 'governance', 'propose', { action }));
  for (const voter of others) {
    const { status } = outputOf(
      await call(voter, 'governance', 'vote', { id: id!, digest: digest!, approve: true }),
    );
    if (status === 'enacted') return;
  }
  assert.fail('the proposal was not enacted');
}

const epochs = () => MEMBERS.map((member) => network.nodes.get(member)?.replica.epoch.set.epoch);

describe('epochs', () => {
  it('end with the block that enacts a decision, and the ledger goes on in the next', async () => {
    await open();
    const first = await call('alpha', 'counter', 'raise', { name: 'a', by: 1 });
    const parameters = { ...DEFAULT_PARAMETERS, baseTimeoutMs: 300, tenureRounds: 2 };
    await decide({ kind: 'set-parameters', parameters }, ['alpha', 'beta', 'gamma']);
    const second = await call('delta', 'counter', 'raise', { name: 'a', by: 1 });
    await until(() => epochs().every((epoch) => epoch === 2));
    for (const member of MEMBERS) {
      assert.equal(network.node(member).replica.epoch.parameters.tenureRounds, 2);
    }
    for (const { id } of [first, second]) {
      const receipt = await network.service('delta').receipt(id);
      const verdict = verifyReceipt(JSON.parse(JSON.stringify(receipt)), network.ledger);
      assert.equal(verdict.verdict, 'VALID', JSON.stringify(verdict));
    }
    const receipt = await network.service('alpha').receipt(second.id);
    assert.equal(receipt?.anchor.handovers.length, 1);
    const truncated = JSON.parse(
      JSON.stringify({ ...receipt, anchor: { ...receipt!.anchor, handovers: [] } }),
    );
    assert.equal(verifyReceipt(truncated, network.ledger).verdict, 'INVALID');
  });

  it('change who validates: a member without a vote follows, and comes back', async () => {
    await open();
    const voters = ['alpha', 'beta', 'gamma'];
    await decide({ kind: 'set-validator', member: 'delta', validator: false }, voters);
    await until(() => epochs().every((epoch) => epoch === 2));
    const { set } = network.node('alpha').replica.epoch;
    assert.deepEqual(
      set.validators.map(({ member }) => member),
      ['alpha', 'beta', 'gamma'],
    );
    await call('delta', 'counter', 'raise', { name: 'a', by: 1 });
    await decide({ kind: 'set-validator', member: 'delta', validator: true }, voters);
    await until(() => epochs().every((epoch) => epoch === 3));
    network.stop('alpha');
    await call('delta', 'counter', 'raise', { name: 'a', by: 1 });
  });

  it('are followed by a node that slept through several of them', async () => {
    await open();
    network.stop('delta');
    const voters = ['alpha', 'beta', 'gamma'];
    for (const tenureRounds of [3, 4, 5]) {
      await call('beta', 'counter', 'raise', { name: 'a', by: 1 });
      const parameters = { ...DEFAULT_PARAMETERS, baseTimeoutMs: 200, tenureRounds };
      await decide({ kind: 'set-parameters', parameters }, voters);
    }
    await network.start('delta');
    await call('alpha', 'counter', 'raise', { name: 'a', by: 1 });
    await until(() => epochs().every((epoch) => epoch === 4));
    await call('delta', 'counter', 'raise', { name: 'a', by: 1 });
    const answer = await network
      .service('delta')
      .query('counter', 'read', { name: 'a' }, undefined);
    assert.deepEqual((answer as { output: unknown }).output, { value: 5 });
  });

  it('survive a crash of all nodes at their end', async () => {
    await open();
    for (let epoch = 2; epoch <= 4; epoch++) {
      const parameters = { ...DEFAULT_PARAMETERS, baseTimeoutMs: 200, tenureRounds: epoch };
      await decide({ kind: 'set-parameters', parameters }, ['alpha', 'beta', 'gamma']);
      for (const member of MEMBERS) network.stop(member);
      for (const member of MEMBERS) await network.start(member);
      await call('gamma', 'counter', 'raise', { name: 'a', by: 1 });
      await until(() => epochs().every((number) => number === epoch));
    }
  });
});
