/**
 * Going a long way: blocks in batches from one peer after the other, and beyond a threshold, or where
 * nobody keeps the blocks any more, a snapshot first. It runs beside everything else and ends when no
 * peer has more. Where peers did not answer it tries again for a while: an idle ledger brings no news
 * that would start it again.
 */
import type { Reply } from '../consensus/message.ts';
import { LIMITS } from '../ledger/limits.ts';
import { takeSteps } from './catch-up.ts';
import { inBackground, pause, type Replica } from './replica.ts';
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

/** Turns around all peers without progress, 1, 2, 4 … seconds apart. */
const RETRIES_MAX = 5;
const RETRY_MS = 1000;

async function sync(replica: Replica, sources: Sources): Promise<void> {
  const threshold = snapshotThreshold(replica);
  /** Peers in a row that led nowhere; whether one of them is ahead and keeps no bodies that old. */
  let failures = 0;
  let bodiesGone = false;
  let offered = true;
  /** Peers that did not answer in this turn; turns since the last progress that ended so. */
  let silent = 0;
  let retries = 0;
  while (!replica.stopped) {
    if (failures >= sources.all.length) {
      const taken = bodiesGone && (await takeSnapshot(replica, sources, 1));
      const isOver = silent === 0 || retries === RETRIES_MAX || !isBehind(replica);
      if (!taken && isOver) return;
      if (!taken) await pause(replica, RETRY_MS * 2 ** retries++);
      failures = 0;
      silent = 0;
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
    if (progressed) retries = 0;
    if (!reply) silent++;
    bodiesGone = !progressed && (bodiesGone || (ahead > 0 && reply?.steps.length === 0));
    if (!progressed || isTrickle(replica, reply)) sources.leave();
  }
}

/** Whether a member said that it is ahead, true or not. */
const isBehind = ({ heights, head }: Replica): boolean =>
  [...heights.values()].some((height) => height > head.header.height!);

/** More blocks behind than this, a snapshot is taken. */
export const snapshotThreshold = (replica: Replica): number =>
  replica.catchUp?.snapshotBehind ?? LIMITS.snapshotBehindMin;

/** Nothing is left to ask this peer for, or it gives less at a time than fits. */
function isTrickle(replica: Replica, { standing, steps }: Reply): boolean {
  if (standing.height <= replica.head.header.height!) return true;
  const bytes = steps.reduce((sum, step) => sum + ('block' in step ? step.block.length : 0), 0);
  return steps.length < LIMITS.catchUpBlocksMax && bytes < LIMITS.catchUpBytesMax / 2;
}
