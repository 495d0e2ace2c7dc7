/**
 * The ordered events of a ledger as CloudEvents 1.0: pages of JSON here, a stream in
 * `event-stream.ts`.
 */
import { z } from 'zod';
import { naturalText, readQuery } from './body.ts';
import { cloudEvent } from './cloud-event.ts';
import { decodeEventCursor, encodeEventCursor, fromHeight } from './cursor.ts';
import { eventStream } from './event-stream.ts';
import type { EventCursor, LedgerService } from './ledger-service.ts';
import { type ApiContext, consortiumPath, type NodeApi } from './node-api.ts';
import { problem } from './problem.ts';
import { readEvents, type Subscription } from './subscription.ts';
import { keyNeeded } from './tenant.ts';
import { elsewhere } from './values.ts';
import { refuseWhileMoving } from './vault.ts';

const PAGE_DEFAULT = 100;
const PAGE_MAX = 1000;
/** A page of a filtered query looks at no more events than this; its `next` goes on from there. */
const SCANNED_MAX = 10_000;
/** Where each is looked up in the vault. */
const SHOWN_SCANNED_MAX = 1000;

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
  shown: z.stringbool({ truthy: ['true'], falsy: ['false'] }).default(false),
});

/**
 * `GET …/events`: a page as `application/cloudevents-batch+json`, or a stream where the caller
 * accepts `text/event-stream`. `Link: rel="next"` goes on after the last event that was looked at;
 * an empty page means the end for now, and its link works again later.
 */
export async function getEvents(c: ApiContext, node: NodeApi): Promise<Response> {
  const query = readQuery(c.req.raw, EventsQuery);
  if (query instanceof Response) return query;
  const { service } = node;
  const subscription = await subscriptionOf(c, node, query);
  if (subscription instanceof Response) return subscription;
  const resume = c.req.header('last-event-id');
  const start = await startOf(resume, query.cursor, query.from, service);
  const { bodies } = (await service.consensus()).retained;
  if (start.height < bodies) {
    return problem('not-retained', `This node keeps events from height ${bodies} on.`, {
      got: start.height,
      expected: bodies,
    });
  }
  if (c.req.header('accept')?.toLowerCase().includes('text/event-stream')) {
    return eventStream(c, node, start, subscription);
  }
  const limit = query.limit ?? PAGE_DEFAULT;
  const { events, end } = await readPage(service, start, limit, subscription);
  const next = new URLSearchParams({ cursor: encodeEventCursor(end), limit: String(limit) });
  const { types, where } = subscription;
  if (types) next.set('type', types.join(','));
  if (where) next.set('where', JSON.stringify(where));
  if (query.shown) next.set('shown', 'true');
  return c.body(JSON.stringify(events), 200, {
    'content-type': 'application/cloudevents-batch+json',
    // What is shown is one reader's.
    'cache-control': query.shown ? 'no-store' : 'no-cache',
    link: `<${consortiumPath(service.genesis.consortium)}/events?${next}>; rel="next"`,
  });
}

/** What a query asks for; a refusal where it is not for this caller to ask here. */
async function subscriptionOf(
  c: ApiContext,
  { service }: NodeApi,
  { type, where, shown }: z.output<typeof EventsQuery>,
): Promise<Subscription | Response> {
  const chosen = { types: type ? [...type] : null, where: where ?? null };
  if (!shown) return { ...chosen, shownTo: 'anyone' };
  const tenant = c.get('tenant');
  if (!tenant) return keyNeeded();
  const { member, identity } = tenant;
  if (member !== service.member) return elsewhere(member);
  return (await refuseWhileMoving(service)) ?? { ...chosen, shownTo: { identity } };
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
  subscription: Subscription,
): Promise<{ events: object[]; end: EventCursor }> {
  const events: object[] = [];
  let end = start;
  const { types, where, shownTo } = subscription;
  const scannedMax = shownTo === 'anyone' ? SCANNED_MAX : SHOWN_SCANNED_MAX;
  const isFiltered = types !== null || where !== null || shownTo !== 'anyone';
  const together = isFiltered ? Math.max(limit, PAGE_DEFAULT) : limit;
  for (let scanned = 0; scanned < scannedMax; ) {
    const page = await readEvents(service, end, together, subscription);
    for (const { event, cursor, isWanted } of page.seen) {
      end = cursor;
      if (isWanted && events.push(cloudEvent(event, cursor, service)) === limit) {
        return { events, end };
      }
    }
    end = page.end;
    scanned += together;
    if (page.isEnd) break;
  }
  return { events, end };
}
