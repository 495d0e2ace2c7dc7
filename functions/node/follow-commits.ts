/**
 * Clients of one invocation wait for transactions that another one of the same node may commit: the
 * head in the table, which both share, says so. A replica that can't go along any more, because it was
 * overtaken or an epoch has ended, looks for what is waited for in the table itself.
 */
import { decodeCbor } from '../../shared/bytes/cbor.ts';
import { tryFollowStore } from '../../shared/replica/follow-store.ts';
import { decodeHead } from '../../shared/replica/head.ts';
import { itemName } from '../../shared/replica/items.ts';
import { pause, type Replica } from '../../shared/replica/replica.ts';
import { finalStatus } from '../../shared/replica/submit.ts';

/** Before the first look: a lone transaction is final by then, through the invocation that waits for it. */
const FIRST_MS = 250;
/** The next looks come further and further apart: what takes that long takes longer, and each is billed. */
const NEXT_MS = 150;
const NEXT_MS_MAX = 1000;
const GROWTH = 1.25;

/**
 * Follows the table for as long as somebody waits here and this invocation does not drive. `openNow` opens
 * a replica of the same node as its table has it then, to be read.
 */
export async function followCommits(
  replica: Replica,
  openNow: () => Promise<Replica>,
  isOver: () => boolean,
): Promise<void> {
  await pause(replica, FIRST_MS);
  for (let ms = NEXT_MS; !isOver(); ms = Math.min(Math.ceil(ms * GROWTH), NEXT_MS_MAX)) {
    await pause(replica, ms);
    if (replica.waiters.size === 0 || replica.driving) continue;
    // Those who wait are told by what moves the head along.
    if (!replica.stopped && (await tryFollowStore(replica))) continue;
    try {
      await lookForWaited(replica, openNow);
    } catch (error) {
      // Others commit while it is looked for: it is looked for again.
      replica.log('not-found-yet', { error: String(error) });
    }
  }
}

async function lookForWaited(replica: Replica, openNow: () => Promise<Replica>): Promise<void> {
  const { state, heads } = replica.ports;
  const ids = [...replica.waiters.keys()];
  const places = await state.items(ids.map(itemName.transaction));
  if (places.every((place) => place === undefined)) return;
  const { height } = decodeHead((await heads.read('head'))!.bytes).header;
  // What is written above the head is not final yet.
  const found = ids.filter((_, index) => {
    const place = places[index];
    return place && (decodeCbor(place) as [number])[0] <= height!;
  });
  if (found.length === 0) return;
  const newer = await openNow();
  for (const id of found) {
    const status = await finalStatus(newer, id);
    if (!status) continue;
    for (const waiter of replica.waiters.get(id) ?? []) waiter(status);
    replica.waiters.delete(id);
  }
}
