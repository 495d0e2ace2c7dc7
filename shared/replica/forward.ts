/** Hands this node's transactions to the leader, in batches that grow while one is under way. */
import type { Digest } from '../bytes/digest.ts';
import { currentRound } from '../consensus/safety.ts';
import { leaderOf } from '../consensus/validators.ts';
import { LIMITS } from '../ledger/limits.ts';
import { startDrive } from './drive.ts';
import type { Replica } from './replica.ts';
import { ask } from './tell.ts';

/** Sends what is in the outbox; a call while one is under way is served by that one. */
export function forward(replica: Replica): void {
  if (replica.forwarding || replica.stopped) return;
  replica.forwarding = true;
  void forwardAll(replica).finally(() => {
    replica.forwarding = false;
  });
}

async function forwardAll(replica: Replica): Promise<void> {
  while (replica.outbox.size > 0 && !replica.stopped) {
    const leader = leaderOf(replica.epoch.set, currentRound(replica.record));
    if (leader === replica.member) {
      replica.outbox.clear();
      startDrive(replica);
      return;
    }
    const batch = takeBatch(replica);
    // What does not arrive stays in the mempool: the alarm tells everybody.
    await ask(replica, leader, { kind: 'tidings', transactions: batch, waiting: false });
  }
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
