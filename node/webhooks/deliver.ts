/**
 * Sends the ledger's events to webhooks, each webhook by itself and its events one after the other. Progress is kept
 * every few events, so after a crash a few come again, by the same ids. A lease in the record keeps two invocations of
 * one node from sending side by side, which would not be in order.
 */
import { cloudEvent } from '../../shared/api/cloud-event.ts';
import { decodeEventCursor, encodeEventCursor } from '../../shared/api/cursor.ts';
import type { LedgerService } from '../../shared/api/ledger-service.ts';
import { readEvents } from '../../shared/api/subscription.ts';
import type { Stored, WebhookBook, WebhookRecord } from './book.ts';
import { type Post, PostClosed } from './post.ts';
import { type Attempt, afterFailure, isTaken, reasonOf } from './schedule.ts';
import { signatureHeaders } from './signature.ts';

export interface Delivering {
  readonly book: WebhookBook;
  readonly service: Pick<
    LedgerService,
    'events' | 'shownEvents' | 'consensus' | 'ledger' | 'genesis'
  >;
  readonly post: Post;
  readonly now: () => number;
  /** No further attempt is begun. */
  readonly isOver: () => boolean;
  /** Where others may send, too: how long nobody else begins. Longer than an attempt. */
  readonly leaseMs?: number;
  readonly log: (what: string, fields: Readonly<Record<string, unknown>>) => void;
}

/** Events that are read at once, and after which progress is kept at the latest. */
const PAGE = 32;
/** More dead letters than this, and somebody should look before more is sent. */
const DEAD_LETTERS_MAX = 200;
/** Whoever finds another one sending looks again after this. */
const LOOK_MS = 2000;

/** Sends to a webhook what is due; answers when to be called again, null where the next commit is soon enough. */
export async function deliverWebhook(delivering: Delivering, name: string): Promise<number | null> {
  const { book, now, isOver, leaseMs = 0 } = delivering;
  const found = await book.read(name);
  if (!found || found.record.paused !== null) return null;
  const { retryAt, busyUntil } = found.record;
  if (retryAt > now()) return retryAt;
  if (busyUntil > now()) return Math.min(busyUntil, now() + LOOK_MS);
  const keep = (record: WebhookRecord, before: Stored, ms = leaseMs) =>
    book.swap(name, { ...record, busyUntil: ms === 0 ? 0 : now() + ms }, before);
  let stored = leaseMs === 0 ? found : await keep(found.record, found);
  // Where a record is not what it was, somebody has changed it or sends: it is looked at anew.
  while (stored) {
    if (isOver()) {
      if (leaseMs > 0) await keep(stored.record, stored, 0);
      return now();
    }
    const sent = await sendPage(delivering, name, stored);
    if (!sent) break;
    const { record, isEnd, deadLetter, waitUntil = null } = sent;
    const isDone = isEnd || record.paused !== null || record.retryAt > now();
    const isKept = record === stored.record && leaseMs === 0;
    stored = isKept ? stored : await keep(record, stored, isDone ? 0 : leaseMs);
    if (!stored && deadLetter) await book.removeLetter(name, deadLetter);
    if (!stored || !isDone) continue;
    if (record.paused !== null) return null;
    return record.retryAt > now() ? record.retryAt : waitUntil;
  }
  return now() + LOOK_MS;
}

/** What became of a page: the record afterwards, whether that was all there is, and an event that was put aside. */
interface Sent {
  readonly record: WebhookRecord;
  readonly isEnd: boolean;
  readonly deadLetter?: string;
  /** When there may be more without a commit. */
  readonly waitUntil?: number | undefined;
}

/** Sends what is next, up to a failure; undefined where the webhook was changed meanwhile. */
async function sendPage(
  delivering: Delivering,
  name: string,
  stored: Stored,
): Promise<Sent | undefined> {
  const { book, service, now, isOver } = delivering;
  const start = decodeEventCursor(stored.record.cursor)!;
  const { bodies } = (await service.consensus()).retained;
  if (start.height < bodies) {
    const paused = `this node keeps events from height ${bodies} on`;
    return { record: { ...stored.record, paused }, isEnd: true };
  }
  let { record } = stored;
  const { shown, ...chosen } = record;
  const shownTo = shown ? 'administrators' : 'anyone';
  const page = await readEvents(service, start, PAGE, { ...chosen, shownTo });
  for (const { event, cursor: place, isWanted } of page.seen) {
    const cursor = encodeEventCursor(place);
    if (!isWanted) {
      record = { ...record, cursor };
      continue;
    }
    if (isOver()) return { record, isEnd: false };
    if (!(await book.isStill(name, stored))) return undefined;
    const body = cloudEvent(event, place, service);
    const attempt = await sendBody(delivering.post, record, body, now());
    if (!isTaken(attempt)) return failed(delivering, name, record, { cursor, body }, attempt);
    record = { ...taken(record, now()), cursor };
  }
  const end = encodeEventCursor(page.end);
  if (record.cursor !== end) record = { ...record, cursor: end };
  return { record, isEnd: page.isEnd, waitUntil: page.waitUntil };
}

const taken = (record: WebhookRecord, now: number): WebhookRecord => ({
  ...record,
  failures: 0,
  failure: null,
  retryAt: 0,
  lastDeliveredAt: now,
});

/** What a failed attempt leads to. */
async function failed(
  { book, now, log }: Delivering,
  name: string,
  before: WebhookRecord,
  { cursor, body }: { readonly cursor: string; readonly body: object },
  attempt: Attempt,
): Promise<Sent> {
  const reason = reasonOf(attempt);
  const record = { ...before, failures: before.failures + 1, failure: reason };
  let next = afterFailure(record, attempt, now());
  log('webhook-failed', { webhook: name, failures: record.failures, reason });
  if (next === 'dead') {
    const letters = await book.countLetters(name);
    if (letters >= DEAD_LETTERS_MAX) next = { paused: `it has ${letters} dead letters` };
  }
  if (next === 'dead') {
    await book.addLetter(name, { cursor, reason, at: now(), event: body });
    log('webhook-dead-letter', { webhook: name, event: cursor });
    const onwards = { ...record, cursor, failures: 0, retryAt: 0 };
    return { record: onwards, isEnd: false, deadLetter: cursor };
  }
  if ('paused' in next) {
    log('webhook-paused', { webhook: name, reason: next.paused });
    return { record: { ...record, paused: next.paused }, isEnd: true };
  }
  return { record: { ...record, retryAt: next.again }, isEnd: true };
}

/** One attempt to send an event as it is. */
export async function sendBody(
  post: Post,
  { url, secrets }: Pick<WebhookRecord, 'url' | 'secrets'>,
  event: { readonly id: string },
  now: number,
): Promise<Attempt> {
  const valid = secrets.filter(({ until }) => until === null || until > now);
  const body = JSON.stringify(event);
  const headers = {
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'user-agent': 'fuqi',
    ...signatureHeaders(
      event.id,
      now,
      body,
      valid.map(({ secret }) => secret),
    ),
  };
  try {
    return { status: await post(url, headers, body) };
  } catch (error) {
    if (error instanceof PostClosed) throw error;
    return { fault: (error as Error).message };
  }
}
