/** What a subscriber of a ledger's events wants of them, and reading them so: pages, streams and webhooks alike. */
import { placeOf } from './cursor.ts';
import type { EventCursor, EventsSeen, LedgerEvent, LedgerService } from './ledger-service.ts';

export interface Subscription {
  /** Only events of these types; null: of all. */
  readonly types: readonly string[] | null;
  /** Only events whose data has exactly these texts in these fields; null: whatever they have. */
  readonly where: Readonly<Record<string, string>> | null;
  /**
   * Only events of transactions that hide nothing, or whose values are shown to an identity of the node's member, or to
   * its administrators; `anyone`: all events, which hold nothing hidden.
   */
  readonly shownTo: 'anyone' | 'administrators' | { readonly identity: string };
}

/** Looks at the events after a place, at most `limit`. */
export async function readEvents(
  service: Pick<LedgerService, 'events' | 'shownEvents'>,
  after: EventCursor,
  limit: number,
  { types, where, shownTo }: Subscription,
): Promise<EventsSeen> {
  const fits = (event: LedgerEvent): boolean =>
    (!types || isOfTypes(types, event)) && hasTexts(where, event);
  if (shownTo !== 'anyone') {
    const identity = shownTo === 'administrators' ? undefined : shownTo.identity;
    return service.shownEvents(after, limit, identity, fits);
  }
  const events = await service.events(after, limit);
  const seen = events.map((event) => ({ event, cursor: placeOf(event), isWanted: fits(event) }));
  return { seen, end: seen.at(-1)?.cursor ?? after, isEnd: events.length < limit };
}

/** `type=issued` of a contract reads `invoice.issued`; the platform's prefix may stand before it. */
const isOfTypes = (types: readonly string[], { type }: LedgerEvent): boolean =>
  types.includes(type) || types.includes(`fuqi.${type}`);

/** Whether an event's `data` has exactly these texts in these fields; any has where none are asked for. */
function hasTexts(where: Readonly<Record<string, string>> | null, { data }: LedgerEvent): boolean {
  const fields = data as { readonly [name: string]: unknown } | null;
  return Object.entries(where ?? {}).every(([field, text]) => fields?.[field] === text);
}
