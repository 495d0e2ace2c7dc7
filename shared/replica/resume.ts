/**
 * A replica for the next input of a host that keeps memory between its inputs: it begins with what an
 * earlier one of the same store had at hand, and follows the store from there. What belonged to the earlier
 * input (timers, waiters, a drive) stays with the old replica, which is over.
 */
import { settleAlarm } from './alarm.ts';
import { assembleReplica } from './assemble.ts';
import { followStore } from './follow-store.ts';
import type { Replica, ReplicaOptions } from './replica.ts';
import { restoreMempool } from './restore.ts';

/** Whether a replica has ended its work and can be gone on from: it has not, while something waits in it. */
export const isResumable = ({
  stopped,
  background,
  syncing,
  catchingUp,
  driving,
}: Replica): boolean =>
  !stopped && background.size === 0 && !syncing && catchingUp.size === 0 && !driving;

/**
 * Goes on from `left`; throws `Superseded` where a new replica has to be opened. For an input that reads,
 * the store is followed first and held transactions are taken over. One that ends with a conditional write
 * of the safety record, as a vote does, finds out by it whether another invocation was here.
 */
export async function resumeReplica(
  options: ReplicaOptions,
  left: Replica,
  purpose: 'read' | 'vote',
): Promise<Replica> {
  left.stopped = true;
  const { ledger, record, retained, headVersion, snapshot, head, epoch, epochStart } = left;
  const durables = { ledger, record, retained, headVersion, snapshot, head, epoch, epochStart };
  const final = left.final.handOver(options.ports.state);
  const replica = assembleReplica(options, { ...durables, final });
  Object.assign(replica, {
    durableRecord: left.durableRecord,
    pending: new Map(left.pending),
    expired: left.expired,
    msPerTransaction: left.msPerTransaction,
    pace: left.pace,
  });
  for (const [member, height] of left.heights) replica.heights.set(member, height);
  for (const id of left.stored) replica.stored.add(id);
  replica.mempool.addAll(left.mempool);
  await replica.lock.run(async () => {
    if (purpose === 'read') {
      const held = replica.ports.mempool.list();
      held.catch(() => {});
      await followStore(replica);
      await restoreMempool(replica, held);
    }
    settleAlarm(replica, false);
  });
  return replica;
}
