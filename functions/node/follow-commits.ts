/**
 * Clients of one invocation wait for transactions that another one of the same node may commit: their
 * index items are looked for in the table, which both share.
 */
import { tryFollowStore } from '../../shared/replica/follow-store.ts';
import { itemName } from '../../shared/replica/items.ts';
import { pause, type Replica } from '../../shared/replica/replica.ts';

/** The first look: a lone transaction is final by then, through the invocation that waits for it. */
const FIRST_MS = 400;
const NEXT_MS = 150;

/** Looks for the transactions that somebody waits for until nobody waits any more. */
export async function followCommits(replica: Replica, isOver: () => boolean): Promise<void> {
  await pause(replica, FIRST_MS);
  for (; !isOver(); await pause(replica, NEXT_MS)) {
    const ids = [...replica.waiters.keys()];
    if (ids.length === 0) continue;
    const places = await replica.ports.state.items(ids.map(itemName.transaction));
    // Those who wait are told by what moves the head along.
    if (places.some((place) => place !== undefined)) await tryFollowStore(replica);
  }
}
