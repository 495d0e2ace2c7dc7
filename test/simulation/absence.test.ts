/**
 * One member out of reach for an hour, as when its account is suspended or its site has no line: the others commit
 * at their pace all the time, and it is one of them again soon after it is back, with what its own clients left.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { finalStatus } from '../../shared/replica/submit.ts';
import { Cluster } from './cluster.ts';
import type { SimulatedNode } from './node.ts';

const HOUR_MS = 3_600_000;
const EVERY_MS = 30_000;
/** As hosted nodes have them. */
const TIMES = { baseTimeoutMs: 3000, timeoutMsMax: 24_000 };
/**
 * A commit that meets the absent member's tenure takes its timeout, and the next leader's rounds. Invocations of
 * one function may get into each other's way just then, which costs another timeout.
 */
const COMMIT_MS_MAX = { process: 3 * TIMES.baseTimeoutMs, function: 4 * TIMES.baseTimeoutMs };
/** What it holds rings within the cap, and then it has to catch up. */
const BACK_MS_MAX = 2 * TIMES.timeoutMsMax;
const WAIT_MS = 60_000;

for (const host of ['process', 'function'] as const) {
  describe(`a member out of reach for an hour, nodes as a ${host}`, () => {
    it('holds nobody up, and goes on where the others are', async () => {
      const cluster = new Cluster({
        ...{ seed: 7, replicas: 4, host, leases: host === 'function' },
        parameters: { ...TIMES, transactionWindowMs: 2 * HOUR_MS },
      });
      const { scheduler, network } = cluster;
      const nodes = cluster.correct as [SimulatedNode, ...SimulatedNode[]];
      const absent = nodes[3]!;
      const took: number[] = [];
      const ends = new Map<string, string>();
      const raise = (node: SimulatedNode): void => {
        const since = scheduler.now;
        const transaction = cluster.raise(node.member, 'c', 1.5 * HOUR_MS);
        ends.set(transaction.id, 'none');
        node.submit(transaction, WAIT_MS).then(
          (status) => {
            ends.set(transaction.id, status instanceof Rejected ? 'refused' : status.status);
            if (node !== absent) took.push(scheduler.now - since);
          },
          (error: unknown) => ends.set(transaction.id, String(error)),
        );
      };
      network.isolate(absent.label, HOUR_MS);
      const from = scheduler.now;
      scheduler.after(500, () => raise(absent));
      for (let at = 1000, turn = 0; at < HOUR_MS; at += EVERY_MS, turn++) {
        scheduler.after(at, () => raise(nodes[turn % 3]!));
      }
      await scheduler.runUntil(from + HOUR_MS);
      assert.equal(took.length, HOUR_MS / EVERY_MS);
      assert.ok(
        Math.max(...took) <= COMMIT_MS_MAX[host],
        `the slowest took ${Math.max(...took)} ms`,
      );
      assert.equal((await absent.inspect()).head.header.height, 0);

      const [left] = [...ends.keys()] as [Digest];
      assert.equal(ends.get(left), 'pending');

      // It holds its own client's transaction still, and has it committed.
      await scheduler.runUntil(from + HOUR_MS + BACK_MS_MAX);
      // An idle ledger sends nothing: who missed the last message learns of it with the next one.
      raise(nodes[0]);
      await scheduler.runUntil(scheduler.now + BACK_MS_MAX);
      const replicas = await Promise.all(nodes.map((node) => node.inspect()));
      assert.equal(new Set(replicas.map(({ head }) => head.id)).size, 1);
      for (const replica of replicas) {
        assert.equal((await finalStatus(replica, left))?.status, 'committed');
      }

      // Of four three have to vote: without another one, it has to.
      network.isolate(nodes[1]!.label, HOUR_MS);
      raise(nodes[0]);
      await scheduler.runUntil(scheduler.now + WAIT_MS);
      const notCommitted = [...ends].filter(([id, end]) => end !== 'committed' && id !== left);
      assert.deepEqual(notCommitted, []);
      if (cluster.violation) throw cluster.violation;
    });
  });
}
