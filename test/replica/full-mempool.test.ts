/** Floods beyond what nodes hold: others are served in turn, nothing that was taken is lost. */
import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import type { ConsensusParameters } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { CommitPace } from '../../shared/replica/commit-pace.ts';
import { leaderNow, type ReplicaOptions } from '../../shared/replica/replica.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = MEMBERS.map((member) => ({ member, name: 'user', roles: ['counter.user'] }));
let network: LocalNetwork;
afterEach(() => network?.close());

async function open(
  replica: Pick<ReplicaOptions, 'mempoolLimits'>,
  blockTransactions = 2048,
  more: Partial<ConsensusParameters> = {},
) {
  const parameters = { blockTransactions, ...more };
  network = await LocalNetwork.open({
    ...{ members: MEMBERS, catalog: counterCatalog, identities: IDENTITIES },
    parameters,
    replica,
  });
}

function raise(identity: string) {
  const args = { name: 'x', by: 1 };
  const parsed = parseTransaction(network.signed(identity, 'counter', 'raise', args));
  assert.ok(!(parsed instanceof Rejected));
  return parsed;
}

/** Sends to a node until it has no room; answers the ids that it took, and the refusal. */
async function flood(at: string, identity: string) {
  const taken: string[] = [];
  for (;;) {
    const outcome = await network.service(at).submit(raise(identity), 0);
    if (outcome instanceof Rejected) return { taken, refused: outcome.rejection };
    assert.equal(outcome.status, 'pending');
    taken.push(outcome.id);
  }
}

const leader = () => leaderNow(network.node('alpha').replica);

/** Nothing is committed while two of four are down. */
function halt(...down: string[]): void {
  for (const member of down) network.stop(member);
}

const isFinal = async (at: string, ids: readonly string[]) => {
  for (const id of ids) {
    const status = await network.service(at).transaction(id as never);
    if (status?.status !== 'committed') return false;
  }
  return true;
};

test('one member’s flood leaves the others room on its own node, and all that was taken is committed', async () => {
  await open({ mempoolLimits: { transactionsMax: 90, bytesMax: 1_000_000 } });
  halt('gamma', 'delta');
  const { taken, refused } = await flood('alpha', 'alpha/user');
  assert.equal(taken.length, 30);
  assert.equal(refused.code, 'mempool-full');
  assert.equal(refused.limit?.name, 'keyTransactionsWaiting');
  // Another key of the member, and other members' keys by the same node.
  const others = ['alpha/admin', 'beta/user', 'gamma/admin'];
  const more: string[] = [];
  for (const identity of others) {
    const outcome = await network.service('alpha').submit(raise(identity), 0);
    assert.ok(!(outcome instanceof Rejected), `${identity}: ${JSON.stringify(outcome)}`);
    more.push(outcome.id);
  }
  // They survive the node's crash, and still count.
  network.stop('alpha');
  await network.start('alpha');
  const again = await network.service('alpha').submit(raise('alpha/user'), 0);
  assert.equal(again instanceof Rejected && again.rejection.code, 'mempool-full');
  await network.start('gamma');
  await network.start('delta');
  await until(() => isFinal('alpha', [...taken, ...more]));
});

test('a leader that is full of one member’s transactions takes others, and the rest waits at its own node', async () => {
  await open({ mempoolLimits: { transactionsMax: 90, bytesMax: 1_000_000 } }, 8);
  const first = leader();
  const [flooder, other] = MEMBERS.filter((member) => member !== first) as [string, string];
  const halted = MEMBERS.filter((member) => ![first, flooder].includes(member));
  halt(...halted);
  // The key's share of the leader is used up by the leader's own clients.
  const atLeader = await flood(first, `${flooder}/user`);
  const atOwn = await flood(flooder, `${flooder}/user`);
  assert.ok(atLeader.taken.length > 0 && atOwn.taken.length > 0);
  for (const member of halted) await network.start(member);
  const single = await network.service(other).submit(raise(`${other}/user`), 20_000);
  assert.ok(!(single instanceof Rejected));
  assert.equal(single.status, 'committed');
  await until(() => isFinal(other, [...atLeader.taken, ...atOwn.taken]));
});

test('one transaction does not wait for the hundreds that another sent before', async () => {
  await open({}, 32);
  halt('gamma', 'delta');
  const sent = leader() === 'alpha' ? 'alpha' : 'beta';
  for (let count = 0; count < 600; count++) {
    await network.service(sent).submit(raise('alpha/user'), 0);
  }
  const single = raise('beta/user');
  const outcome = await network.service(sent).submit(single, 0);
  assert.ok(!(outcome instanceof Rejected));
  await network.start('gamma');
  await network.start('delta');
  await until(() => isFinal(sent, [single.id]));
  const status = await network.service(sent).transaction(single.id);
  assert.ok(status?.status === 'committed' && status.height <= 2, JSON.stringify(status));
  await until(() => network.node(sent).replica.mempool.size === 0);
});

test('what has outlived its time bars nobody', async () => {
  const limits = { mempoolLimits: { transactionsMax: 9, bytesMax: 1_000_000 } };
  await open(limits, 2048, { clockToleranceMs: 100 });
  halt('gamma', 'delta');
  const notAfter = Date.now() + 300;
  const late = (nonce: string) => {
    const args = { name: 'x', by: 1 };
    const jws = network.signedAt('alpha/user', 'counter', 'raise', args, { nonce, notAfter });
    return parseTransaction(jws) as ReturnType<typeof raise>;
  };
  for (const nonce of ['a', 'b', 'c']) await network.service('alpha').submit(late(nonce), 0);
  const refused = await network.service('alpha').submit(raise('alpha/user'), 0);
  assert.ok(refused instanceof Rejected);
  await until(() => Date.now() > notAfter + 100);
  // Nobody can say yet that no block has them, so they are held; and the ledger stands still.
  const answer = network.service('alpha').submit(raise('alpha/user'), 20_000);
  await network.start('gamma');
  await network.start('delta');
  const status = await answer;
  assert.ok(!(status instanceof Rejected) && status.status === 'committed');
  assert.deepEqual(await network.service('alpha').transaction(late('a').id), {
    ...{ id: late('a').id, status: 'expired' },
  });
});

test('the time to come back follows the pace of commits', () => {
  const pace = new CommitPace();
  assert.equal(pace.secondsFor(1, 0), Number.POSITIVE_INFINITY);
  for (let second = 0; second < 4; second++) pace.note(50, 1000 * second);
  assert.equal(pace.secondsFor(500, 3999), 10);
  // Two seconds without a commit make it slower; ten make it unknown again.
  assert.equal(pace.secondsFor(500, 5999), 15);
  assert.equal(pace.secondsFor(1, 14_000), Number.POSITIVE_INFINITY);
  pace.note(10, 20_000);
  assert.equal(pace.secondsFor(100, 20_500), 10);
  // A clock that was set back.
  pace.note(10, 1000);
  assert.equal(pace.secondsFor(100, 1500), 10);
});
