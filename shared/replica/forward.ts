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
    const transactions = takeBatch(replica);
    // What does not arrive stays in the mempool: the alarm tells everybody.
    await ask(replica, leader, { kind: 'tidings', transactions, waiting: false });
  }
  // A hung leader's batch may return when another one has long been served.
  if (replica.forwardingTo !== leader) return;
  replica.forwardingTo = null;
  if (leaderNow(replica) !== leader && leaderNow(replica) !== replica.member) forward(replica);
}

function takeBatch(replica: Replica): Uint8Array[] {
  const taken: Digest[] = [];
  const batch: Uint8Array[] = [];
  let bytes = 0;
  for (const [id, encoded] of replica.outbox) {
    bytes += encoded.length;
    if (batch.length > 0 && bytes > LIMITS.blockBytesMax / 2) break;
    if (batch.length >= LIMITS.batchTransactionsMax) break;
    batch.push(encoded);
    taken.push(id);
  }
  for (const id of taken) replica.outbox.delete(id);
  return batch;
}
