/** The end of pending transactions on this node: final ones are let go, others are given up. */
import type { TransactionStatus } from '../api/ledger-service.ts';
import type { Digest } from '../bytes/digest.ts';
import { inBackground, type PendingBlock, type Replica } from './replica.ts';

/** Lets go of the transactions of a block that became final. */
export function release(replica: Replica, block: PendingBlock): void {
  const { results } = block.execution!;
  const { time, height } = block.header;
  const final = results.map((result, index): TransactionStatus => {
    const { transaction: id, status } = result;
    return { id, status, height: height!, index, time, result };
  });
  end(replica, final);
}

/** Gives up transactions that can't be committed any more, and remembers that for a while. */
export function expire(replica: Replica, ids: Iterable<Digest>): void {
  const expired = [...ids].map((id): TransactionStatus => ({ id, status: 'expired' }));
  for (const { id } of expired) replica.expired.set(id, true);
  end(replica, expired);
}

/** Ends held transactions: those who wait are told, and nothing of them is kept. */
export function end(replica: Replica, statuses: readonly TransactionStatus[]): void {
  const held: Digest[] = [];
  for (const status of statuses) {
    const { id } = status;
    replica.mempool.remove(id);
    if (replica.stored.delete(id)) held.push(id);
    replica.outbox.delete(id);
    // Those who wait get the result as it was executed: reading it back would cost a block each.
    for (const waiter of replica.waiters.get(id) ?? []) waiter(status);
    replica.waiters.delete(id);
  }
  if (held.length === 0) return;
  const removed = replica.ports.mempool.remove(held).catch((error: unknown) => {
    // What comes back after a restart is found final, or expired, and removed again.
    replica.log('mempool-remove-failed', { error: String(error) });
  });
  inBackground(replica, removed);
}
