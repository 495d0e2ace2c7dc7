/**
 * Clients of one invocation wait for transactions that another one of the same node may commit: their
 * index items are looked for in the table, which both share.
 */
import { decodeLoosely } from '../../shared/bytes/cbor.ts';
import { decodeHead } from '../../shared/replica/head.ts';
import { itemName } from '../../shared/replica/items.ts';
import { pause, type Replica } from '../../shared/replica/replica.ts';
import { finalStatus } from '../../shared/replica/submit.ts';

/** The first look: a lone transaction is final by then, through the invocation that waits for it. */
const FIRST_MS = 400;
const NEXT_MS = 150;

/**
 * Looks for the transactions that somebody waits for until nobody waits any more. `open` opens a replica
 * of the same node as it is now.
 */
export async function followCommits(
  replica: Replica,
  open: () => Promise<Replica>,
  isOver: () => boolean,
): Promise<void> {
  await pause(replica, FIRST_MS);
  for (; !isOver(); await pause(replica, NEXT_MS)) {
    const ids = [...replica.waiters.keys()];
    if (ids.length === 0) continue;
    const places = await replica.ports.state.items(ids.map(itemName.transaction));
    const found = ids.filter((_, index) => places[index]);
    if (found.length === 0) continue;
    const head = await replica.ports.heads.read('head');
    const { height } = decodeHead(head!.bytes).header;
    // What is written above the head is not final yet.
    const isFinal = places.some(
      (place) => place && (decodeLoosely(place) as [number])[0] <= height!,
    );
    if (!isFinal) continue;
    const newer = await open();
    for (const id of found) {
      const status = await finalStatus(newer, id);
      if (!status) continue;
      for (const waiter of replica.waiters.get(id) ?? []) waiter(status);
      replica.waiters.delete(id);
    }
  }
}
