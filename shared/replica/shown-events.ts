/**
 * Events of the final history for a subscriber who wants only those of transactions whose values it is shown. Values come
 * before their transaction is committed, or within the time that its contract gives: so long its events, and those after
 * them, wait. Values that come later still have their events told when they come, so that none is missed: a cursor says
 * up to which of those, too.
 */
import type { EventCursor, EventsSeen, LedgerEvent } from '../api/ledger-service.ts';
import type { Digest } from '../bytes/digest.ts';
import type { ValuesRecord } from '../contract/confidential-records.ts';
import type { Caller } from '../contract/context.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import { eventsAfter, eventsIn, isAfter } from './events.ts';
import { isFor } from './own-values.ts';
import { definitionNow } from './readers.ts';
import type { Replica } from './replica.ts';
import { finalStatus } from './submit.ts';
import { valuesRecord } from './values-record.ts';

/** Values that came late are looked at by so many. */
const LATE_TOGETHER = 32;
/** The node's functions have clocks of their own: what may have been looked for in vain by one of them counts as late. */
const CLOCKS_MS = 2000;

/** Somebody of the node's member; undefined: nobody (any more). */
type Reader = Caller | 'administrators' | undefined;

/** As `LedgerService.shownEvents`. */
export async function shownEventsAfter(
  replica: Replica,
  from: EventCursor,
  limit: number,
  reader: Reader,
  fits: (event: LedgerEvent) => boolean,
): Promise<EventsSeen> {
  const { keeper } = replica;
  const after = { ...from, late: from.late ?? (await keeper?.lastLate()) ?? 0 };
  const late = keeper && (await lateEvents(replica, keeper, after, reader, fits));
  if (late) return late;
  const events = await eventsAfter(replica, after, limit);
  const fitting = new Set(events.filter(fits));
  const ids = new Set([...fitting].map(({ transaction }) => transaction));
  const standings = new Map(
    await Promise.all(
      [...ids].map(async (id) => [id, await standingOf(replica, id, reader)] as const),
    ),
  );
  const seen: EventsSeen['seen'][number][] = [];
  let end: EventCursor = after;
  for (const event of events) {
    const standing = fitting.has(event) ? standings.get(event.transaction) : 'hidden';
    if (typeof standing === 'number') return { seen, end, isEnd: true, waitUntil: standing };
    const { height, transactionIndex, eventIndex } = event;
    end = { height, transactionIndex, eventIndex, late: after.late };
    seen.push({ event, cursor: end, isWanted: standing === 'shown' });
  }
  return { seen, end, isEnd: events.length < limit };
}

/** Events before a place whose values came since; undefined where none came. */
async function lateEvents(
  replica: Replica,
  keeper: ValueKeeper,
  after: EventCursor & { readonly late: number },
  reader: Reader,
  fits: (event: LedgerEvent) => boolean,
): Promise<EventsSeen | undefined> {
  const came = await keeper.late({ after: after.late, limit: LATE_TOGETHER });
  if (came.length === 0) return undefined;
  const seen: EventsSeen['seen'][number][] = [];
  for (const { number, transaction } of came) {
    const events = await eventsOf(replica, transaction);
    // The rest is told when the subscriber gets there.
    const passed = events.filter((event) => !isAfter(event, after) && fits(event));
    if (passed.length === 0 || (await standingOf(replica, transaction, reader)) !== 'shown') {
      continue;
    }
    for (const [index, event] of passed.entries()) {
      // Only with the last of them it is done: a subscriber that stops between them gets all of them again.
      const late = index === passed.length - 1 ? number : number - 1;
      seen.push({ event, cursor: { ...after, late }, isWanted: true });
    }
  }
  return { seen, end: { ...after, late: came.at(-1)!.number }, isEnd: false };
}

/** The events of a final transaction; none where its block is not kept. */
async function eventsOf(replica: Replica, id: Digest): Promise<readonly LedgerEvent[]> {
  const status = await finalStatus(replica, id);
  if (status?.status !== 'committed') return [];
  const { height, index, time, result } = status;
  return [...eventsIn({ height, transactionIndex: index, time, result })];
}

/** Whether a transaction hides nothing or its values are shown; a number: they may come until then. */
type Standing = 'shown' | 'hidden' | number;

async function standingOf(replica: Replica, id: Digest, reader: Reader): Promise<Standing> {
  const record = await valuesRecord(replica, id);
  if (!record) return 'shown';
  const { keeper } = replica;
  if (!keeper || record.erasedAt !== null) return 'hidden';
  // Before the vault is asked: what comes afterwards counts as late then.
  const now = replica.ports.time.now();
  const kept = await keeper.read(id);
  if (!kept) {
    const until = await inTimeUntil(replica, record);
    return now < until ? until : 'hidden';
  }
  if (reader === 'administrators') return 'shown';
  return reader && (await isFor(replica, keeper, kept, reader)) ? 'shown' : 'hidden';
}

/** When the values of a committed transaction are to be here at the latest. */
async function inTimeUntil(
  replica: Replica,
  { contract, method, committedAt }: ValuesRecord,
): Promise<number> {
  const definition = await definitionNow(replica, contract, method);
  return committedAt + (definition?.deliverWithinMs ?? 0);
}

/**
 * Tells subscribers that values came whose transaction is committed, and notes them where its events may have been passed
 * already. They are kept by then; of others the commit tells.
 */
export async function tellArrival(
  replica: Replica,
  keeper: ValueKeeper,
  id: Digest,
): Promise<void> {
  const record = await valuesRecord(replica, id);
  if (!record) return;
  const isLate = replica.ports.time.now() >= (await inTimeUntil(replica, record)) - CLOCKS_MS;
  if (isLate) await keeper.noteLate(id);
  for (const listener of replica.valueListeners) listener();
}
