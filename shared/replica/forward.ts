/** Brings transactions to the leader, in batches that grow while one is under way. */
import type { Digest } from '../bytes/digest.ts';
import { LIMITS } from '../ledger/limits.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { startDrive } from './drive.ts';
import { inBackground, leaderNow, type Replica } from './replica.ts';
import { ask } from './tell.ts';

/** Brings newly admitted transactions to where blocks are made: here, or at the leader's. */
export function route(replica: Replica, transactions: Iterable<Transaction>): void {
  if (leaderNow(replica) === replica.member) {
    startDrive(replica);
    return;
  }
  for (const { id, bytes } of transactions) replica.outbox.set(id, bytes);
  forward(replica);
}

/** Sends what is in the outbox; a call while a batch is under way to the same leader is served by that one. */
function forward(replica: Replica): void {
  const leader = leaderNow(replica);
  if (replica.forwardingTo === leader || replica.outbox.size === 0 || replica.stopped) return;
  replica.forwardingTo = leader;
  inBackground(replica, forwardAll(replica, leader));
}

async function forwardAll(replica: Replica, leader: string): Promise<void> {
  while (replica.outbox.size > 0 && leaderNow(replica) === leader && !replica.stopped) {
    const { ids, transactions } = takeBatch(replica);
    // What does not arrive stays in the mempool: the alarm tells everybody.
    const answered = ask(replica, leader, { kind: 'tidings', transactions, waiting: false });
    await untilOver(replica, ids, answered);
  }
  // A hung leader's batch may return when another one has long been served.
  if (replica.forwardingTo !== leader) return;
  replica.forwardingTo = null;
  if (leaderNow(replica) !== leader && leaderNow(replica) !== replica.member) forward(replica);
}

/**
 * Until the leader has answered, or all of a batch has ended without it, or it would be timed out by now:
 * it may hang, and whoever waits for this has its alarm.
 */
async function untilOver(
  replica: Replica,
  ids: readonly Digest[],
  answered: Promise<unknown>,
): Promise<void> {
  const { ports, epoch, commitListeners } = replica;
  let end = (): void => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const look = (): void => {
    if (ids.every((id) => replica.mempool.get(id) === undefined)) end();
  };
  commitListeners.add(look);
  const cancel = ports.time.after(epoch.parameters.baseTimeoutMs, end);
  await Promise.race([answered, over]);
  cancel();
  commitListeners.delete(look);
}

function takeBatch(replica: Replica) {
  const ids: Digest[] = [];
  const transactions: Uint8Array[] = [];
  let bytes = 0;
  for (const [id, encoded] of replica.outbox) {
    bytes += encoded.length;
    if (transactions.length > 0 && bytes > LIMITS.blockBytesMax / 2) break;
    if (transactions.length >= LIMITS.batchTransactionsMax) break;
    transactions.push(encoded);
    ids.push(id);
  }
  for (const id of ids) replica.outbox.delete(id);
  return { ids, transactions };
}
