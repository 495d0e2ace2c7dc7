/** One simulated run: a bad time, then a good one, then the reckoning. A function of its seed. */
import assert from 'node:assert/strict';
import type { Digest } from '../../shared/bytes/digest.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { decodeTransaction, parseTransaction } from '../../shared/ledger/transaction.ts';
import { finalBlock } from '../../shared/replica/history.ts';
import { statusOf } from '../../shared/replica/submit.ts';
import { Cluster, NO_FAULTS } from './cluster.ts';

const BAD_MS = 12_000;
/** After the network healed, everything accepted ends within this time: the liveness bound. */
const GOOD_MS = 30_000;
const LAST_MS = 10_000;
const TRANSACTIONS = 40;

export interface RunSummary {
  readonly seed: number;
  readonly replicas: number;
  readonly height: number;
  readonly crashes: number;
  readonly acknowledged: number;
}

/** Runs a seed; throws an Error that names what was violated. */
export async function simulate(seed: number, replicas: number): Promise<RunSummary> {
  const cluster = new Cluster(seed, replicas);
  const { scheduler } = cluster;
  const from = scheduler.now;
  cluster.faults = {
    drop: scheduler.pick([0, 0.02, 0.1, 0.25]),
    repeat: scheduler.pick([0, 0.1]),
    delayMsMax: scheduler.pick([5, 40, 400]),
    crash: scheduler.pick([0, 0.0005, 0.003]),
  };
  const acknowledged = new Map<Digest, number>();
  const accepted = new Set<Digest>();
  for (let index = 0; index < TRANSACTIONS; index++) {
    scheduler.after(scheduler.between(0, BAD_MS), () => {
      const member = scheduler.pick(cluster.members);
      const transaction = parseTransaction(cluster.transaction(member, `c${index % 5}`, 60_000));
      assert.ok(!(transaction instanceof Rejected));
      void cluster.submit(member, transaction, scheduler.between(0, 3000)).then((status) => {
        if (!status || status instanceof Rejected) return;
        accepted.add(status.id);
        if (status.status === 'committed') acknowledged.set(status.id, status.height);
      });
    });
  }
  for (let cut = 0; cut < scheduler.between(0, 3); cut++) {
    const start = scheduler.between(0, BAD_MS);
    scheduler.after(start, () =>
      cluster.partition(new Set(cluster.members.filter(() => scheduler.chance(0.4)))),
    );
    scheduler.after(start + scheduler.between(200, 5000), () => cluster.partition(undefined));
  }
  await scheduler.runUntil(from + BAD_MS);
  cluster.faults = NO_FAULTS;
  cluster.partition(undefined);
  // An idle network sends nothing, so who missed the last message learns of it with the next one.
  await scheduler.runUntil(from + BAD_MS + GOOD_MS);
  await assertEnded(cluster, accepted);
  const last = parseTransaction(cluster.transaction(cluster.members[0]!, 'last', 60_000));
  assert.ok(!(last instanceof Rejected));
  void cluster.submit(cluster.members[0]!, last, 0);
  await scheduler.runUntil(from + BAD_MS + GOOD_MS + LAST_MS);
  if (cluster.violation) throw cluster.violation;
  return reckon(cluster, seed, acknowledged, accepted);
}

/** The liveness bound: nothing that was accepted is pending anywhere. */
async function assertEnded(cluster: Cluster, accepted: ReadonlySet<Digest>): Promise<void> {
  for (const replica of cluster.replicas) {
    for (const id of accepted) {
      const { status } = await statusOf(replica, id);
      assert.notEqual(status, 'pending', `${id} is still pending at ${replica.member}`);
    }
    assert.equal(replica.mempool.size, 0, `${replica.member} still holds transactions`);
  }
}

async function reckon(
  cluster: Cluster,
  seed: number,
  acknowledged: ReadonlyMap<Digest, number>,
  accepted: ReadonlySet<Digest>,
): Promise<RunSummary> {
  const { replicas } = cluster;
  assert.equal(replicas.length, cluster.members.length, 'every node is back');
  const heights = replicas.map(({ head }) => head.header.height!);
  const height = Math.max(...heights);
  assert.deepEqual(
    heights,
    heights.map(() => height),
    'every node caught up',
  );
  const places = new Map<Digest, number>();
  for (let at = 1; at <= height; at++) {
    const ids = await Promise.all(
      replicas.map(async (replica) => (await finalBlock(replica, at)).id),
    );
    assert.equal(new Set(ids).size, 1, `I1: one block at height ${at}`);
    for (const bytes of (await finalBlock(replicas[0]!, at)).transactions) {
      const transaction = decodeTransaction(bytes);
      assert.ok(!(transaction instanceof Rejected));
      assert.ok(!places.has(transaction.id), 'I6: a transaction twice');
      places.set(transaction.id, at);
    }
  }
  for (const [id, at] of acknowledged)
    assert.equal(places.get(id), at, `I6: ${id} is where it was`);
  for (const id of accepted) assert.ok(places.has(id), `${id} was accepted and is nowhere`);
  for (const replica of replicas) {
    assert.equal(replica.alarmAt, null, `${replica.member} is idle and has an alarm`);
    assert.equal(replica.mempool.size, 0, `${replica.member} is idle and holds transactions`);
  }
  assert.ok(cluster.scheduler.idle, 'an idle network has nothing under way');
  const { crashes } = cluster;
  return { seed, replicas: replicas.length, height, crashes, acknowledged: acknowledged.size };
}
