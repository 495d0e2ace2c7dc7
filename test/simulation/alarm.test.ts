/** Waiting: when a node that holds something times its leader out, in virtual time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ring, told } from '../../shared/replica/alarm.ts';
import { currentTenureEnd, type Replica } from '../../shared/replica/replica.ts';
import { Cluster } from './cluster.ts';

const TIMES = { baseTimeoutMs: 1000, timeoutMsMax: 8000 };

/** A node that nobody answers, and holds a transaction since a moment. */
async function waitingNode() {
  const timeouts: string[] = [];
  const cluster = new Cluster({
    ...{ seed: 1, replicas: 4, host: 'process', parameters: TIMES },
    trace: (line) => {
      if (line.includes(' timeout ')) timeouts.push(line);
    },
  });
  const [node] = cluster.correct as [(typeof cluster.correct)[number]];
  const { scheduler } = cluster;
  const wait = (ms: number): Promise<unknown> => scheduler.runUntil(scheduler.now + ms);
  await wait(5000);
  cluster.network.isolate(node.label, 60_000);
  node.submit(cluster.raise(node.member, 'c', 60_000), 60_000).catch(() => {});
  await wait(100);
  return { replica: node.replica as Replica, timeouts, wait };
}

describe('a node that waits', () => {
  it('times nobody out because its alarm rings right after another node’s: those that are busy ring together', async () => {
    const { replica, timeouts, wait } = await waitingNode();
    told(replica);
    void ring(replica);
    await wait(200);
    assert.deepEqual(timeouts, []);
    // Nothing was committed since.
    await wait(400);
    assert.equal(timeouts.length, 1);
  });

  it('times its leader out half a timeout after it was told of waiting', async () => {
    const { replica, timeouts, wait } = await waitingNode();
    told(replica);
    await wait(500);
    assert.deepEqual(timeouts, []);
    void ring(replica);
    await wait(10);
    assert.equal(timeouts.length, 1);
  });

  for (const [what, change] of [
    ['a block was committed', (replica: Replica) => Object.assign(replica, { rings: 0 })],
    [
      'another leader has the turn, perhaps itself',
      (replica: Replica) => {
        const round = currentTenureEnd(replica);
        const highTc = { epoch: 1, round, timeouts: [] };
        Object.assign(replica, { record: { ...replica.record, highTc } });
      },
    ],
  ] as const) {
    it(`times nobody out where ${what} while it waited for its lock`, async () => {
      const { replica, timeouts, wait } = await waitingNode();
      told(replica);
      await wait(500);
      const { promise: held, resolve: release } = Promise.withResolvers<void>();
      void replica.lock.run(() => held);
      void ring(replica);
      await wait(10);
      change(replica);
      release();
      await wait(100);
      assert.deepEqual(timeouts, []);
    });
  }

  it('times it out at the second ring of its own', async () => {
    const { timeouts, wait } = await waitingNode();
    await wait(1300);
    assert.deepEqual(timeouts, []);
    await wait(300);
    assert.equal(timeouts.length, 1);
  });
});
