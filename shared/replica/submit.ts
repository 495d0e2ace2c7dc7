/** Clients' transactions: admission, the wait for finality, and the promise behind a 202. */

import type { TransactionStatus } from '../api/ledger-service.ts';
import type { Digest } from '../bytes/digest.ts';
import { Rejected } from '../ledger/rejection.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { admit } from './admit.ts';
import { leaveAlarm, settleAlarm } from './alarm.ts';
import { route } from './forward.ts';
import { finalResult, placeOf } from './history.ts';
import type { Replica, Waiter } from './replica.ts';

/**
 * Admits a transaction and waits for its finality. `pending` is answered only when the transaction
 * is held durably: it will be committed, rejected or expired.
 */
export async function submit(
  replica: Replica,
  transaction: Transaction,
  waitMs: number,
): Promise<TransactionStatus | Rejected> {
  const { id } = transaction;
  replica.admitting++;
  const admitted = await admit(replica, transaction).finally(() => replica.admitting--);
  if (admitted instanceof Rejected) return admitted;
  if (admitted === 'final') return statusOf(replica, id);
  const outcome = waitMs > 0 ? waitFor(replica, id, waitMs) : undefined;
  if (admitted === 'admitted') {
    settleAlarm(replica, false);
    route(replica, [transaction]);
  }
  const ended = await outcome;
  if (ended) return ended;
  // The other end hears "pending" only after this is durable.
  replica.stored.add(id);
  await replica.ports.mempool.add([{ id, bytes: transaction.bytes }]);
  if (replica.stopped) leaveAlarm(replica);
  const status = await statusOf(replica, id);
  if (status.status !== 'pending') await replica.ports.mempool.remove([id]);
  return status;
}

/** Resolves when the transaction is final or given up; undefined after `waitMs`. */
function waitFor(
  replica: Replica,
  id: Digest,
  waitMs: number,
): Promise<TransactionStatus | undefined> {
  return new Promise((resolve) => {
    const waiters = replica.waiters.get(id) ?? new Set<Waiter>();
    const cancel = replica.ports.time.after(waitMs, () => {
      waiters.delete(waiter);
      if (waiters.size === 0 && replica.waiters.get(id) === waiters) replica.waiters.delete(id);
      resolve(undefined);
    });
    const waiter: Waiter = (outcome) => {
      cancel();
      resolve(outcome);
    };
    waiters.add(waiter);
    replica.waiters.set(id, waiters);
    // It may have become final between its admission and here.
    if (replica.final.includes(id)) void statusOf(replica, id).then(waiter);
  });
}

/** What became of a transaction: final with its result, pending here, or gone. */
export async function statusOf(replica: Replica, id: Digest): Promise<TransactionStatus> {
  const known = (await finalStatus(replica, id)) ?? pendingStatus(replica, id);
  // One that a node can't find may stand in a block before its snapshot.
  return known ?? { id, status: replica.retained.state > 0 ? 'not-retained' : 'expired' };
}

/** The status of a final transaction; undefined where it is not final. */
export async function finalStatus(
  replica: Replica,
  id: Digest,
): Promise<TransactionStatus | undefined> {
  const place = await placeOf(replica, id);
  if (!place) return undefined;
  if (place.height < replica.retained.bodies) return { id, status: 'not-retained', ...place };
  const { result, time } = await finalResult(replica, id, place);
  return { id, status: result.status, ...place, time, result };
}

/** The status of a transaction that this node holds, saw in a block that is not final yet, or gave up. */
export function pendingStatus(replica: Replica, id: Digest): TransactionStatus | undefined {
  const held = replica.mempool.get(id) !== undefined;
  const inBlock = held || [...replica.pending.values()].some(({ ids }) => ids.has(id));
  if (inBlock) return { id, status: 'pending' };
  return replica.expired.get(id) ? { id, status: 'expired' } : undefined;
}
