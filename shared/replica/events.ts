/** Events of the final history, in order: height, transaction, event. */
import type { EventCursor, LedgerEvent } from '../api/ledger-service.ts';
import { decodeResult, type TransactionResult } from '../ledger/result.ts';
import { finalBlock, finalResults } from './history.ts';
import type { Replica } from './replica.ts';

/** Results of this many heights are read at once. */
const EVENT_HEIGHTS = 64;

/** At most `limit` events after a cursor that are final on this node; fewer where there are no more. */
export async function eventsAfter(
  replica: Replica,
  after: EventCursor,
  limit: number,
): Promise<LedgerEvent[]> {
  const { bodies } = replica.retained;
  if (after.height < bodies) throw new Error(`events from height ${bodies} on are kept here`);
  const events: LedgerEvent[] = [];
  const head = replica.head.header.height!;
  for (let from = Math.max(1, after.height); from <= head; from += EVENT_HEIGHTS) {
    const count = Math.min(EVENT_HEIGHTS, head - from + 1);
    const heights = Array.from({ length: count }, (_, index) => from + index);
    const results = await finalResults(replica, heights);
    for (const [index, height] of heights.entries()) {
      if (results[index]!.length === 0) continue;
      const { header } = await finalBlock(replica, height);
      for (const event of eventsOf(height, header.time, results[index]!)) {
        if (!isAfter(event, after)) continue;
        if (events.length >= limit) return events;
        events.push(event);
      }
    }
  }
  return events;
}

function* eventsOf(height: number, time: number, results: Uint8Array[]): Generator<LedgerEvent> {
  for (const [transactionIndex, encoded] of results.entries()) {
    const result = decodeResult(encoded);
    yield* eventsIn({ height, transactionIndex, time, result });
  }
}

/** The events of a transaction; none of one that was rejected. */
export function* eventsIn({
  result,
  ...place
}: Pick<LedgerEvent, 'height' | 'transactionIndex' | 'time'> & {
  readonly result: TransactionResult;
}): Generator<LedgerEvent> {
  if (result.status !== 'committed') return;
  const { transaction } = result;
  for (const [eventIndex, { type, data }] of result.events.entries()) {
    yield { ...place, eventIndex, transaction, type, data };
  }
}

/** Whether an event comes after a place of the ledger. */
export function isAfter(event: LedgerEvent, after: EventCursor): boolean {
  if (event.height !== after.height) return event.height > after.height;
  if (event.transactionIndex !== after.transactionIndex) {
    return event.transactionIndex > after.transactionIndex;
  }
  return event.eventIndex > after.eventIndex;
}
