/**
 * Clients of one invocation wait for transactions that another one of the same node may commit: the
 * head in the table, which both share, says so.
 */
import { tryFollowStore } from '../../shared/replica/follow-store.ts';
import { pause, type Replica } from '../../shared/replica/replica.ts';

/** The first look: a lone transaction is final by then, through the invocation that waits for it. */
const FIRST_MS = 400;
const NEXT_MS = 150;

/** Follows the table's head for as long as somebody waits here and this invocation does not drive. */
export async function followCommits(replica: Replica, isOver: () => boolean): Promise<void> {
  await pause(replica, FIRST_MS);
  for (; !isOver(); await pause(replica, NEXT_MS)) {
    // Those who wait are told by what moves the head along.
    if (replica.waiters.size > 0 && !replica.driving) await tryFollowStore(replica);
  }
}
