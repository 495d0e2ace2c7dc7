/**
 * Going a long way: blocks in batches from one peer after the other, and beyond a threshold, or where
 * nobody keeps the blocks any more, a snapshot first. It runs beside everything else and ends when no
 * peer has more; the next news starts it again where it stopped.
 */
import type { Reply } from '../consensus/message.ts';
import { LIMITS } from '../ledger/limits.ts';
import { takeSteps } from './catch-up.ts';
import { inBackground, type Replica } from './replica.ts';
import { takeSnapshot } from './snapshot.ts';
import { askSource, Sources } from './sources.ts';

/** Starts, with this member as the first to ask, unless it is under way. Never throws. */
export function startSync(replica: Replica, first: string): void {
  if (replica.syncing || replica.stopped) return;
  replica.syncing = sync(replica, new Sources(replica, first))
    .catch((error: unknown) => replica.log('sync-failed', { error: String(error) }))
    .finally(() => {
      replica.syncing = null;
    });
  inBackground(replica, replica.syncing);
}

async function sync(replica: Replica, sources: Sources): Promise<void> {
  const threshold = snapshotThreshold(replica);
  /** Peers in a row that led nowhere; whether one of them is ahead and keeps no bodies that old. */
  let failures = 0;
  let bodiesGone = false;
  let offered = true;
  while (!replica.stopped) {
    if (failures >= sources.all.length) {
      if (!bodiesGone || !(await takeSnapshot(replica, sources, 1))) return;
      failures = 0;
      bodiesGone = false;
    }
    const after = replica.head.header.height!;
    const from = sources.current;
    const reply = await askSource(replica, from, { kind: 'blocks', after }, (answer) => answer);
    const ahead = (reply?.standing.height ?? 0) - after;
    if (offered && ahead > threshold) {
      // What a peer says of its height may be a lie; if so, nobody can show such a block.
      offered = await takeSnapshot(replica, sources, threshold + 1);
      if (offered) continue;
    }
    const progressed = reply !== undefined && (await takeSteps(replica, from, reply));
    failures = progressed ? 0 : failures + 1;
    bodiesGone = !progressed && (bodiesGone || (ahead > 0 && reply?.steps.length === 0));
    if (!progressed || isTrickle(replica, reply)) sources.leave();
  }
}

/** More blocks behind than this, a snapshot is taken. */
export const snapshotThreshold = (replica: Replica): number =>
  replica.catchUp?.snapshotBehind ?? LIMITS.snapshotBehindMin;

/** Nothing is left to ask this peer for, or it gives less at a time than fits. */
function isTrickle(replica: Replica, { standing, steps }: Reply): boolean {
  if (standing.height <= replica.head.header.height!) return true;
  const bytes = steps.reduce((sum, step) => sum + ('block' in step ? step.block.length : 0), 0);
  return steps.length < LIMITS.catchUpBlocksMax && bytes < LIMITS.catchUpBytesMax / 2;
}
