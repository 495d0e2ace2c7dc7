import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { leaderNow, ownIndex } from '../../shared/replica/replica.ts';
import { Governed, governedCatalog } from '../support/governed.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const VOTERS = ['alpha', 'beta', 'gamma'];
let network: LocalNetwork;
let ledger: Governed;
afterEach(() => network?.close());

const open = async (members: readonly string[] = MEMBERS): Promise<void> => {
  network = await LocalNetwork.open({ members, catalog: governedCatalog });
  ledger = new Governed(network);
};

const call: Governed['call'] = (...args) => ledger.call(...args);
const decide: Governed['decide'] = (...args) => ledger.decide(...args);
const epochOf = (member: string) => network.nodes.get(member)?.replica.epoch.set.epoch;
const sameHead = (a: string, b: string) =>
  network.node(a).replica.head.id === network.node(b).replica.head.id;
const raise = (member: string) => call(member, 'counter', 'raise', { name: 'a', by: 1 });
const setValidator = (member: string, validator: boolean) => ({
  kind: 'set-validator',
  member,
  validator,
});

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
    assert.equal(await decide(setValidator('delta', true), voters), 'approved');
    await ledger.ready('delta');
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

  it('bring a joiner in that follows first: it has no vote before its node has proved that', async () => {
    await open();
    await raise('alpha');
    const joiner = network.joiner('echo', true);
    assert.equal(await decide({ kind: 'add-member', member: joiner }, VOTERS), 'approved');
    await until(() => epochs().every((epoch) => epoch === 2));
    assert.equal(network.node('alpha').replica.epoch.set.validators.length, 4);
    assert.deepEqual(network.node('alpha').replica.epoch.observers, ['echo']);
    // While it is away, the others need nothing of it.
    await raise('beta');
    await network.start('echo');
    await until(() => sameHead('echo', 'alpha'));
    await ledger.ready('echo');
    await until(() => epochs().every((epoch) => epoch === 3));
    assert.equal(network.node('echo').replica.epoch.set.validators.length, 5);
    await call('alpha', 'identity', 'enrol', { member: 'echo' });
    await until(() => sameHead('echo', 'alpha'));
    // n = 5, q = 4: with one of the others away nothing is committed without the joiner's vote.
    network.stop('delta');
    await raise('echo');
  });

  it('would stall a ledger of one if an absent node got a vote: it does not', async () => {
    await open(['alpha']);
    const joiner = network.joiner('beta', true);
    assert.equal(await decide({ kind: 'add-member', member: joiner }, ['alpha']), 'approved');
    for (let i = 0; i < 3; i++) await raise('alpha');
    await network.start('beta');
    await until(() => sameHead('beta', 'alpha'));
    await ledger.ready('beta');
    await raise('alpha');
    assert.equal(network.node('alpha').replica.epoch.set.validators.length, 2);
  });

  it('take the vote from a removed member, which can read on what it has', async () => {
    await open();
    const paid = await raise('delta');
    assert.equal(await decide({ kind: 'remove-member', member: 'delta' }, VOTERS), 'enacted');
    const removed = network.node('delta').replica;
    // It is told by the blocks that close its last epoch and their certificate.
    await until(() => removed.epoch.set.epoch === 2);
    assert.equal(ownIndex(removed), -1);
    const before = removed.record.votedRound;
    await raise('alpha');
    network.stop('gamma');
    await raise('beta');
    assert.equal(removed.record.votedRound, before);
    const jws = network.signed('delta/admin', 'counter', 'raise', { name: 'a', by: 1 });
    const late = parseTransaction(jws);
    assert.ok(!(late instanceof Rejected));
    const refused = await network.service('alpha').submit(late, 10_000);
    assert.ok(
      refused instanceof Rejected ||
        refused.status !== 'committed' ||
        refused.result.status === 'rejected',
    );
    const receipt = await network.service('delta').receipt(paid.id);
    assert.equal(
      verifyReceipt(JSON.parse(JSON.stringify(receipt)), network.ledger).verdict,
      'VALID',
    );
  });

  it('hand a vote over to a new node key, with an empty record', async () => {
    await open();
    const old = network.nodeKey('delta');
    const nodeKey = network.newNodeKey('delta');
    const rotate = { kind: 'replace-node-key', member: 'delta', nodeKey };
    assert.equal(await decide(rotate, VOTERS), 'approved');
    // Until the boundary the old key votes.
    network.stop('gamma');
    await raise('delta');
    await ledger.ready('delta');
    await until(() => ['alpha', 'beta', 'delta'].every((id) => epochOf(id) === 2));
    const { validators } = network.node('alpha').replica.epoch.set;
    assert.deepEqual(validators.find(({ member }) => member === 'delta')?.key, nodeKey);
    assert.notDeepEqual(nodeKey, old);
    await raise('delta');
    await network.start('gamma');
    await until(() => sameHead('gamma', 'delta'));
  });

  it('replace a member that is gone for good, while the others go on', async () => {
    await open();
    network.stop('delta');
    network.lose('delta');
    await raise('alpha');
    const joiner = network.joiner('echo', false);
    assert.equal(await decide({ kind: 'add-member', member: joiner }, VOTERS), 'enacted');
    await network.start('echo');
    await call('beta', 'identity', 'enrol', { member: 'echo' });
    await until(() => sameHead('echo', 'beta'));
    // There are five members now, of which four approve: the joiner is one of them.
    const replace = { kind: 'replace-validator', member: 'delta', by: 'echo', leaves: true };
    assert.equal(await decide(replace, [...VOTERS, 'echo']), 'approved');
    await raise('beta');
    await until(() => sameHead('echo', 'beta'));
    await ledger.ready('echo');
    await until(() => ['alpha', 'beta', 'gamma', 'echo'].every((id) => epochOf(id) === 3));
    network.stop('gamma');
    await raise('alpha');
    assert.deepEqual(
      network.node('alpha').replica.epoch.set.validators.map(({ member }) => member),
      ['alpha', 'beta', 'echo', 'gamma'],
    );
  });

  it('let a member whose disk was lost come back with a new key', async () => {
    await open();
    await raise('alpha');
    network.stop('delta');
    network.lose('delta');
    const nodeKey = network.newNodeKey('delta');
    await network.start('delta');
    assert.equal(
      await decide({ kind: 'replace-node-key', member: 'delta', nodeKey }, VOTERS),
      'approved',
    );
    await until(() => sameHead('delta', 'alpha'));
    assert.equal(ownIndex(network.node('delta').replica), -1, 'the old key is not at hand');
    await ledger.ready('delta');
    await until(() => epochOf('delta') === 2);
    network.stop('gamma');
    await raise('delta');
  });

  it('do not wait for what a node brings that is to replace the one that leads', async () => {
    const parameters = { baseTimeoutMs: 60_000, timeoutMsMax: 60_000, tenureRounds: 1 };
    network = await LocalNetwork.open({ members: MEMBERS, catalog: governedCatalog, parameters });
    ledger = new Governed(network);
    network.stop('delta');
    network.lose('delta');
    network.newNodeKey('delta');
    const { replica } = await network.start('delta');
    while (leaderNow(network.node('alpha').replica) !== 'delta') {
      await raise('alpha');
      await until(() => sameHead('alpha', 'delta'));
    }
    await until(() => leaderNow(replica) === 'delta');
    assert.equal(ownIndex(replica), -1);
    const jws = network.signed('delta/admin', 'counter', 'raise', { name: 'a', by: 1 });
    const transaction = parseTransaction(jws);
    assert.ok(!(transaction instanceof Rejected));
    await network.service('delta').submit(transaction, 0);
    const { id } = transaction;
    await until(() => VOTERS.some((member) => network.node(member).replica.mempool.get(id)));
  });
});

describe('a receipt of epoch 1', () => {
  it('verifies in epoch 50, as one of epoch 50 does', async () => {
    await open();
    const first = await raise('alpha');
    for (let epoch = 2; epoch <= 50; epoch++) {
      const parameters = { ...network.genesis.parameters, tenureRounds: epoch };
      await decide({ kind: 'set-parameters', parameters }, VOTERS);
    }
    const last = await raise('alpha');
    assert.equal(epochOf('alpha'), 50);
    for (const [{ id }, epoch] of [
      [first, 1],
      [last, 50],
    ] as const) {
      const text = JSON.stringify(await network.service('alpha').receipt(id));
      const receipt = JSON.parse(text);
      const verdict = verifyReceipt(receipt, network.ledger);
      assert.ok(verdict.verdict === 'VALID', JSON.stringify(verdict));
      assert.equal(verdict.block.header.epoch, epoch);
      assert.equal(receipt.anchor.handovers.length, epoch - 1);
      // A hand-over of four validators takes 2.2 KB; it grows with them, not with the ledger.
      assert.ok(
        text.length < 12_000 + (epoch - 1) * 2_500,
        `${text.length} bytes in epoch ${epoch}`,
      );
    }
  });
});
