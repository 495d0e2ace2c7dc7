/** The end of a run: what was promised is compared with what every correct node's store holds. */
import assert from 'node:assert/strict';
import type { Digest } from '../../shared/bytes/digest.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { decodeResult } from '../../shared/ledger/result.ts';
import { decodeTransaction, type Transaction } from '../../shared/ledger/transaction.ts';
import { finalBlock, finalResults } from '../../shared/replica/history.ts';
import type { Replica } from '../../shared/replica/replica.ts';
import { statusOf } from '../../shared/replica/submit.ts';
import type { Cluster } from './cluster.ts';
import type { SimulatedNode } from './node.ts';
import type { Subscriber } from './subscriber.ts';

/** What correct nodes told their clients. */
export interface Promised {
  /** Final at a height. */
  readonly acknowledged: Map<Digest, number>;
  /** Final or durably held, by the node that said so. */
  readonly accepted: Map<
    Digest,
    { readonly transaction: Transaction; readonly node: SimulatedNode }
  >;
}

/** Throws where a node still waits for something. */
export function assertIdle({ correct }: Cluster): void {
  for (const node of correct) {
    assert.ok(node.isIdle, `liveness: ${node.label} is idle and has an alarm, or is down`);
  }
}

/** Throws where a promise is broken; answers the height of the ledger. */
export async function reckon(
  cluster: Cluster,
  promised: Promised,
  subscriber: Subscriber,
): Promise<number> {
  assertIdle(cluster);
  const replicas = await Promise.all(cluster.correct.map((node) => node.inspect()));
  // The most complete one first: a faulty leader may have left others in the dark.
  replicas.sort((a, b) => b.head.header.height! - a.head.header.height!);
  // One that took a snapshot has not the whole history.
  const whole = replicas.find(
    ({ retained, head }) =>
      retained.bodies === 0 && head.header.height === replicas[0]!.head.header.height,
  );
  const heights = replicas.map(({ head }) => head.header.height!);
  const height = heights[0]!;
  if (!cluster.hasFaultyMembers) {
    assert.equal(heights.at(-1), height, `liveness: a node is behind, of heights ${heights}`);
  }
  for (const replica of replicas) {
    // Left in the dark, a node can't say of a transaction that came too late whether it was committed.
    if (cluster.hasFaultyMembers && replica.head.header.height! < height) continue;
    assert.equal(replica.mempool.size, 0, `liveness: ${replica.member} holds transactions`);
  }
  const places = await assertSameHistory(replicas, height);
  if (whole) {
    await assertPromises(whole, promised, places);
    await subscriber.assertComplete(whole);
  }
  return height;
}

/** I1, I6 over the whole history, and the results that a counter must have. */
async function assertSameHistory(
  replicas: readonly Replica[],
  height: number,
): Promise<Map<Digest, number>> {
  const places = new Map<Digest, number>();
  const counters = new Map<string, number>();
  for (let at = 1; at <= height; at++) {
    const up = replicas.filter(
      ({ head, retained }) => head.header.height! >= at && at >= retained.bodies,
    );
    if (up.length === 0) return places;
    const blocks = await Promise.all(up.map((replica) => finalBlock(replica, at)));
    const ids = new Set(blocks.map(({ id }) => id));
    assert.equal(ids.size, 1, `I1: one block at height ${at}`);
    const results = await Promise.all(up.map((replica) => finalResults(replica, [at])));
    for (const result of results) assert.deepEqual(result, results[0], `I5: results at ${at}`);
    for (const [index, bytes] of blocks[0]!.transactions.entries()) {
      const transaction = decodeTransaction(bytes);
      assert.ok(!(transaction instanceof Rejected));
      assert.ok(!places.has(transaction.id), 'I6: a transaction twice');
      places.set(transaction.id, at);
      const { contract, args } = transaction.body;
      if (contract !== 'counter') continue;
      const result = decodeResult(results[0]![0]![index]!);
      const name = String((args as { name: string }).name);
      const value = (counters.get(name) ?? 0) + 1;
      counters.set(name, value);
      assert.equal(result.status, 'committed');
      assert.deepEqual(result.output, { value }, `the counter ${name} at ${at}`);
    }
  }
  return places;
}

async function assertPromises(
  replica: Replica,
  { acknowledged, accepted }: Promised,
  places: ReadonlyMap<Digest, number>,
): Promise<void> {
  for (const [id, at] of acknowledged) {
    assert.equal(places.get(id), at, `I6: ${id} is where it was`);
  }
  for (const [id, { transaction, node }] of accepted) {
    // What a node held went with its store where that is lost, or was replaced by an older copy.
    if (places.has(id) || node.wasRestored || node.isLost) continue;
    const { body } = transaction;
    const { status } = await statusOf(replica, id);
    const over = body.notAfter < replica.ports.time.now();
    assert.ok(over && status === 'expired', `liveness: ${id} was accepted and is ${status}`);
  }
}
