/**
 * The ordered events of a ledger as CloudEvents 1.0: pages of JSON here, a stream in
 * `event-stream.ts`. Ids derive from the place in the history, so a replay gives the same ones.
 */
import { z } from 'zod';
import { encodeCbor } from '../bytes/cbor.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import { fromHex } from '../bytes/text.ts';
import { naturalText, readQuery } from './body.ts';
import { decodeEventCursor, encodeEventCursor, fromHeight, placeOf } from './cursor.ts';
import { eventStream } from './event-stream.ts';
import type { EventCursor, LedgerEvent, LedgerService } from './ledger-service.ts';
import { type ApiContext, consortiumPath, type NodeApi, timeText } from './node-api.ts';
import { problem } from './problem.ts';

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1000;
/** A page of a filtered query looks at no more events than this; its `next` goes on from there. */
const SCANNED_MAX = 10_000;

/** The cursor of an event in a query or a body. */
export const cursorText = z
  .string()
  .refine((text) => decodeEventCursor(text) !== undefined, 'expected the cursor of an event');

/** Texts that fields of an event's `data` have exactly. */
export const WhereSchema = z
  .record(z.string().min(1).max(100), z.string().max(200))
  .refine((fields) => Object.keys(fields).length <= 5, 'expected at most five fields');

const EventsQuery = z.strictObject({
  cursor: cursorText.optional(),
  from: z.union([z.literal('head'), naturalText()], 'expected a height or "head"').optional(),
  limit: naturalText(PAGE_MAX, 1).optional(),
  type: z
    .string()
    .regex(/^[a-z][A-Za-z0-9.,-]{0,500}$/, 'expected event types, separated by commas')
    .transform((text) => new Set(text.split(',')))
    .optional(),
  where: z
    .string()
    .max(2000)
    .transform((text, context): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        context.addIssue('expected a JSON object, such as {"number":"1"}');
        return z.NEVER;
      }
    })
    .pipe(WhereSchema)
    .optional(),
});

/** An event in the CloudEvents JSON format, with its cursor, height and transaction as extensions. */
export function cloudEvent(event: LedgerEvent, ledger: Digest, consortium: string): object {
  const identity = [fromHex(ledger), event.height, fromHex(event.transaction), event.eventIndex];
  return {
    specversion: '1.0',
    id: taggedDigest('fuqi/v1/event', encodeCbor(identity)),
    source: consortiumPath(consortium),
    type: `fuqi.${event.type}`,
    subject: event.transaction,
    time: timeText(event.time),
    datacontenttype: 'application/json',
    cursor: encodeEventCursor(placeOf(event)),
    height: event.height,
    data: event.data,
  };
}

/**
 * `GET …/events`: a page as `application/cloudevents-batch+json`, or a stream where the caller
 * accepts `text/event-stream`. `Link: rel="next"` goes on after the last event that was looked at;
 * an empty page means the end for now, and its link works again later.
 */
export async function getEvents(c: ApiContext, node: NodeApi): Promise<Response> {
  const query = readQuery(c.req.raw, EventsQuery);
  if (query instanceof Response) return query;
  const { service } = node;
  const { consortium } = service.genesis;
  const resume = c.req.header('last-event-id');
  const start = await startOf(resume, query.cursor, query.from, service);
  const types = query.type && [...query.type];
  const { where = null } = query;
  const matches = (event: LedgerEvent): boolean =>
    (!types || isOfTypes(types, event)) && hasTexts(where, event);
  const { bodies } = (await service.consensus()).retained;
  if (start.height < bodies) {
    return problem('not-retained', `This node keeps events from height ${bodies} on.`, {
      got: start.height,
      expected: bodies,
    });
  }
  if (c.req.header('accept')?.toLowerCase().includes('text/event-stream')) {
    return eventStream(c, node, start, (event) =>
      matches(event) ? JSON.stringify(cloudEvent(event, service.ledger, consortium)) : undefined,
    );
  }
  const limit = query.limit ?? PAGE_DEFAULT;
  const { events, end } = await readPage(service, start, limit, matches);
  const next = new URLSearchParams({ cursor: encodeEventCursor(end), limit: String(limit) });
  if (query.type) next.set('type', [...query.type].join(','));
  if (where) next.set('where', JSON.stringify(where));
  const batch = events.map((event) => cloudEvent(event, service.ledger, consortium));
  return c.body(JSON.stringify(batch), 200, {
    'content-type': 'application/cloudevents-batch+json',
    'cache-control': 'no-cache',
    link: `<${consortiumPath(consortium)}/events?${next}>; rel="next"`,
  });
}

/** `type=issued` of a contract reads `invoice.issued`; the platform's prefix may stand before it. */
export const isOfTypes = (types: readonly string[], { type }: LedgerEvent): boolean =>
  types.includes(type) || types.includes(`fuqi.${type}`);

/** Whether an event's `data` has exactly these texts in these fields; any has where none are asked for. */
export function hasTexts(
  where: Readonly<Record<string, string>> | null,
  { data }: LedgerEvent,
): boolean {
  const fields = data as { readonly [name: string]: unknown } | null;
  return Object.entries(where ?? {}).every(([field, text]) => fields?.[field] === text);
}

/** `Last-Event-ID` wins over `cursor`, that over `from`; without any, the beginning of what is kept. */
export async function startOf(
  resume: string | undefined,
  cursor: string | undefined,
  from: 'head' | number | undefined,
  service: Pick<LedgerService, 'consensus' | 'head'>,
): Promise<EventCursor> {
  const place = decodeEventCursor(resume ?? '') ?? decodeEventCursor(cursor ?? '');
  if (place) return place;
  if (from === undefined) return fromHeight((await service.consensus()).retained.bodies);
  if (from !== 'head') return fromHeight(from);
  return fromHeight(((await service.head()).header.height ?? 0) + 1);
}

async function readPage(
  service: LedgerService,
  start: EventCursor,
  limit: number,
  matches: (event: LedgerEvent) => boolean,
): Promise<{ events: LedgerEvent[]; end: EventCursor }> {
  const events: LedgerEvent[] = [];
  let end = start;
  for (let scanned = 0; scanned < SCANNED_MAX; ) {
    const page = await service.events(end, limit);
    for (const event of page) {
      end = placeOf(event);
      if (matches(event) && events.push(event) === limit) return { events, end };
    }
    scanned += page.length;
    if (page.length < limit) break;
  }
  return { events, end };
}
