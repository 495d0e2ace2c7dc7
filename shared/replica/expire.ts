/** The end of pending transactions on this node: final ones are let go, others are given up. */
import type { Digest } from '../bytes/digest.ts';
import type { Replica } from './replica.ts';

/** Lets go of transactions that became final. */
export const release = (replica: Replica, ids: Iterable<Digest>): void =>
  end(replica, ids, 'final');

/** Gives up transactions that can't be committed any more, and remembers that for a while. */
export function expire(replica: Replica, ids: Iterable<Digest>): void {
  const list = [...ids];
  for (const id of list) replica.expired.set(id, true);
  end(replica, list, 'expired');
}

function end(replica: Replica, ids: Iterable<Digest>, outcome: 'final' | 'expired'): void {
  const held: Digest[] = [];
  for (const id of ids) {
    if (replica.mempool.remove(id)) held.push(id);
    replica.outbox.delete(id);
    for (const waiter of replica.waiters.get(id) ?? []) waiter(outcome);
    replica.waiters.delete(id);
  }
  if (held.length === 0) return;
  replica.ports.mempool.remove(held).catch((error: unknown) => {
    // What comes back after a restart is found final, or expired, and removed again.
    replica.log('mempool-remove-failed', { error: String(error) });
  });
}
