import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { TransactionStatus } from '../../shared/api/ledger-service.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type Transaction } from '../../shared/ledger/transaction.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { verifyStateProof } from '../../shared/proof/verify-state.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork, type NetworkOptions } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
let network: LocalNetwork;

async function open(options: Partial<NetworkOptions> = {}): Promise<LocalNetwork> {
  network = await LocalNetwork.open({ members: MEMBERS, catalog: counterCatalog, ...options });
  return network;
}
afterEach(() => network?.close());

function raise(member: string, args: { name: string; by: number; max?: number }): Transaction {
  const parsed = parseTransaction(network.signed(`${member}/admin`, 'counter', 'raise', args));
  assert.ok(!(parsed instanceof Rejected));
  return parsed;
}

async function committed(answer: Promise<TransactionStatus | Rejected>) {
  const status = await answer;
  assert.ok(!(status instanceof Rejected), JSON.stringify(status));
  assert.equal(status.status, 'committed');
  if (status.status !== 'committed' || status.result.status !== 'committed') throw new Error();
  return status;
}

const heights = () =>
  MEMBERS.map((member) => network.nodes.get(member)?.replica.head.header.height);

describe('a network of four replicas', () => {
  it('commits a transaction that is sent to any node, and every node has it', async () => {
    await open();
    for (const [index, member] of MEMBERS.entries()) {
      const answer = network.service(member).submit(raise(member, { name: 'a', by: 1 }), 5000);
      const status = await committed(answer);
      assert.deepEqual(status.result.status === 'committed' && status.result.output, {
        value: index + 1,
      });
    }
    await until(() => new Set(heights()).size === 1);
    for (const member of MEMBERS) {
      const { output } = (await network
        .service(member)
        .query('counter', 'read', { name: 'a' }, undefined)) as { output: unknown };
      assert.deepEqual(output, { value: 4 });
    }
  });

  it('commits many concurrent transactions exactly once, in batches', async () => {
    await open();
    const answers = Array.from({ length: 400 }, (_, index) => {
      const member = MEMBERS[index % 4]!;
      return committed(
        network.service(member).submit(raise(member, { name: `c${index % 7}`, by: 1 }), 20_000),
      );
    });
    await Promise.all(answers);
    let sum = 0;
    for (let index = 0; index < 7; index++) {
      const answer = await network
        .service('alpha')
        .query('counter', 'read', { name: `c${index}` }, undefined);
      sum += (answer as unknown as { output: { value: number } }).output.value;
    }
    assert.equal(sum, 400);
    assert.ok(network.node('alpha').replica.head.header.height! < 200);
  });

  it('is silent and sets no alarm when it is idle', async () => {
    await open();
    await committed(network.service('beta').submit(raise('beta', { name: 'a', by: 1 }), 5000));
    await until(
      () => new Set(heights()).size === 1 && network.node('alpha').replica.driving === null,
    );
    const before = network.messages;
    const before_heights = heights();
    await new Promise((resolve) => setTimeout(resolve, 700));
    assert.equal(network.messages, before);
    assert.deepEqual(heights(), before_heights);
    for (const member of MEMBERS) assert.equal(network.node(member).replica.alarmAt, null);
  });

  it('records a rejection with its reason and changes nothing', async () => {
    await open();
    const status = await network
      .service('alpha')
      .submit(raise('alpha', { name: 'a', by: 5, max: 3 }), 5000);
    assert.ok(!(status instanceof Rejected) && status.status === 'rejected');
    assert.equal(status.result.status, 'rejected');
    assert.deepEqual(status.result.status === 'rejected' && status.result.rejection, {
      code: 'contract-rejected',
      message: 'The counter would be too high.',
      reason: 'too-high',
      got: 5,
      expected: 3,
    });
    const answer = await network
      .service('alpha')
      .query('counter', 'read', { name: 'a' }, undefined);
    assert.deepEqual((answer as { output: unknown }).output, { value: 0 });
  });

  it('aborts a misbehaving transaction alone, with the same result on every node', async () => {
    await open();
    for (const how of ['clock', 'random', 'throw', 'float']) {
      const jws = network.signed('alpha/admin', 'counter', 'misbehave', { how });
      const status = await network
        .service('alpha')
        .submit(parseTransaction(jws) as Transaction, 5000);
      assert.ok(!(status instanceof Rejected) && status.status === 'rejected', how);
      assert.equal(
        status.result.status === 'rejected' && status.result.rejection.code,
        'contract-error',
      );
    }
    const swallow = network.signed('alpha/admin', 'counter', 'misbehave', { how: 'swallow' });
    const status = await committed(
      network.service('alpha').submit(parseTransaction(swallow) as Transaction, 5000),
    );
    assert.equal(status.result.status === 'committed' && status.result.output, 'absent');
  });

  it('goes on when any one node is killed, and the node catches up when it returns', async () => {
    for (const victim of MEMBERS) {
      await open();
      await committed(network.service('alpha').submit(raise('alpha', { name: 'a', by: 1 }), 5000));
      network.stop(victim);
      const other = MEMBERS.find((member) => member !== victim)!;
      for (let index = 0; index < 5; index++) {
        await committed(network.service(other).submit(raise(other, { name: 'a', by: 1 }), 15_000));
      }
      await network.start(victim);
      await committed(network.service(other).submit(raise(other, { name: 'a', by: 1 }), 15_000));
      await until(() => new Set(heights()).size === 1);
      const answer = await network
        .service(victim)
        .query('counter', 'read', { name: 'a' }, undefined);
      assert.deepEqual((answer as { output: unknown }).output, { value: 7 });
      network.close();
    }
  });

  it('lets a node that returns to an idle network catch up at once', async () => {
    await open();
    network.stop('gamma');
    for (let index = 0; index < 3; index++) {
      const answer = network.service('alpha').submit(raise('alpha', { name: 'a', by: 1 }), 15_000);
      await committed(answer);
    }
    await until(() => network.node('alpha').replica.driving === null);
    await network.start('gamma');
    await until(() => new Set(heights()).size === 1);
  });

  it('keeps every answered transaction when all nodes crash right after the answer', async () => {
    await open();
    for (let round = 1; round <= 5; round++) {
      await committed(
        network.service('gamma').submit(raise('gamma', { name: 'a', by: 1 }), 10_000),
      );
      for (const member of MEMBERS) network.stop(member);
      for (const member of MEMBERS) await network.start(member);
      await committed(network.service('beta').submit(raise('beta', { name: 'b', by: 1 }), 10_000));
      const answer = await network
        .service('beta')
        .query('counter', 'read', { name: 'a' }, undefined);
      assert.deepEqual((answer as { output: unknown }).output, { value: round });
    }
  });

  it('stops without a quorum, answers 202-like, and commits what it held when the quorum is back', async () => {
    await open();
    network.stop('gamma');
    network.stop('delta');
    const status = await network.service('beta').submit(raise('beta', { name: 'a', by: 1 }), 500);
    assert.ok(!(status instanceof Rejected));
    assert.equal(status.status, 'pending');
    await network.start('gamma');
    await until(
      async () => (await network.service('beta').transaction(status.id))?.status === 'committed',
      15_000,
    );
  });

  it('hands over at the end of a tenure', async () => {
    await open({ parameters: { tenureRounds: 3 } });
    for (let index = 0; index < 20; index++) {
      const member = MEMBERS[index % 4]!;
      await committed(network.service(member).submit(raise(member, { name: 'a', by: 1 }), 5000));
    }
    const authors = new Set<string>();
    for (const { header } of await network.service('alpha').blocks(1000, 100))
      authors.add(header.author);
    assert.ok(authors.size >= 4, [...authors].join());
  });

  it('passes over a leader that is down for good, so that its turns cost few timeouts', async () => {
    await open({ parameters: { tenureRounds: 2, baseTimeoutMs: 100, timeoutMsMax: 400 } });
    network.stop('gamma');
    for (let index = 0; index < 60; index++) {
      await committed(network.service('beta').submit(raise('beta', { name: 'a', by: 1 }), 10_000));
    }
    const blocks = await network.service('beta').blocks(1000, 1000);
    const rounds = blocks[0]!.header.round;
    const skipped = blocks.filter(({ header }) => header.round > header.parentRound + 1);
    // In turn gamma would lead every fourth tenure of two rounds.
    assert.ok(rounds > 100, `only ${rounds} rounds`);
    assert.ok(skipped.length <= 5, `${skipped.length} timeouts in ${rounds} rounds`);
  });

  it('gives receipts and state proofs that verify with nothing but the ledger id', async () => {
    await open();
    const { id, height } = await committed(
      network.service('beta').submit(raise('beta', { name: 'a', by: 2 }), 5000),
    );
    const receipt = await network.service('beta').receipt(id);
    const verdict = verifyReceipt(JSON.parse(JSON.stringify(receipt)), network.ledger);
    assert.equal(verdict.verdict, 'VALID', JSON.stringify(verdict));
    assert.equal(verdict.verdict === 'VALID' && verdict.block.header.height, height);
    for (const [key, value] of [
      ['a', 2],
      ['never', undefined],
    ] as const) {
      const state = await network.service('beta').state(`counter/counter/${key}`, height, true);
      assert.ok(!(state instanceof Rejected));
      const proven = verifyStateProof(JSON.parse(JSON.stringify(state.proof)), network.ledger);
      assert.equal(proven.verdict, 'VALID', JSON.stringify(proven));
      const shown =
        proven.verdict === 'VALID' ? (proven.value as { value: number } | undefined) : undefined;
      assert.equal(shown?.value, value);
    }
  });
});
