/**
 * A busy ledger whose leaders vanish: full blocks all the time put every node's alarm off, so that what a leader took
 * with it has to find the next one by itself.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { leaderNow } from '../../shared/replica/replica.ts';
import { Cluster } from './cluster.ts';
import type { SimulatedNode } from './node.ts';

const TIMES = { baseTimeoutMs: 1000, timeoutMsMax: 8000 };
const SUBMIT_EVERY_MS = 200;
const RUN_MS = 75_000;

interface Sent {
  readonly by: SimulatedNode;
  readonly at: number;
  end: unknown;
  endAt: number;
}

/** Clients of nodes that `isServing` send at a steady pace; answers what became of each when all must be over. */
async function keepBusy(
  cluster: Cluster,
  overMs: number,
  isServing: (node: SimulatedNode) => boolean = () => true,
): Promise<Sent[]> {
  const { scheduler, correct } = cluster;
  const from = scheduler.now;
  const all: Sent[] = [];
  const submit = (by: SimulatedNode): void => {
    const sent: Sent = { by, at: scheduler.now, end: 'none', endAt: 0 };
    all.push(sent);
    const ended = (end: unknown): void => {
      Object.assign(sent, { end, endAt: scheduler.now });
    };
    by.submit(cluster.raise(by.member, 'c', RUN_MS), RUN_MS).then(
      (status) => ended(status instanceof Rejected ? 'refused' : status.status),
      ended,
    );
  };
  for (let at = 0; at < RUN_MS; at += SUBMIT_EVERY_MS) {
    scheduler.after(at, () => submit(scheduler.pick(correct.filter(isServing))));
  }
  await scheduler.runUntil(from + RUN_MS + overMs);
  if (cluster.violation) throw cluster.violation;
  assert.equal(all.length, RUN_MS / SUBMIT_EVERY_MS);
  return all;
}

/** A tenure is longer than the run: only a timeout ends it. */
const busyCluster = (seed: number): Cluster =>
  new Cluster({
    ...{ seed, replicas: 4, host: 'process' },
    parameters: { ...TIMES, tenureRounds: 1024, transactionWindowMs: 2 * RUN_MS },
  });

describe('a busy ledger', () => {
  for (const seed of [1, 2]) {
    it(`whose leader is cut off again and again commits what it took along (seed ${seed})`, async () => {
      // The leader's timeout, and the same for one that is slow to hear of it.
      const commitMsMax = 3 * TIMES.baseTimeoutMs;
      const [everyMs, awayMs] = [15_000, 10_000];
      const cluster = busyCluster(seed);
      const { scheduler, network, correct: nodes } = cluster;
      const backAt = new Map<SimulatedNode, number>();
      for (let at = everyMs; at < RUN_MS; at += everyMs) {
        scheduler.after(at, () => {
          const leader = leaderNow(nodes[0]!.replica!);
          const node = nodes.find(({ member }) => member === leader)!;
          backAt.set(node, scheduler.now + awayMs);
          network.isolate(node.label, awayMs);
        });
      }
      const sent = await keepBusy(
        cluster,
        awayMs + commitMsMax,
        (node) => (backAt.get(node) ?? 0) <= scheduler.now,
      );
      const late = sent.filter(({ by, at, end, endAt }) => {
        // A node that was cut off meanwhile could tell the others only when it was back.
        const since = Math.max(at, Math.min(backAt.get(by) ?? 0, endAt));
        return end !== 'committed' || endAt - since > commitMsMax;
      });
      assert.deepEqual(late, []);
    });

    it(`that loses one message of a hundred lets nobody wait for its next leader (seed ${seed})`, async () => {
      const commitMsMax = 8 * TIMES.baseTimeoutMs;
      const cluster = busyCluster(seed);
      cluster.faults = { ...cluster.faults, drop: 0.01 };
      const sent = await keepBusy(cluster, commitMsMax);
      const late = sent.filter(
        ({ at, end, endAt }) => end !== 'committed' || endAt - at > commitMsMax,
      );
      assert.deepEqual(late, []);
    });
  }
});
