/** When a webhook is tried again, and when no more. */
import type { WebhookRecord } from './book.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Pauses before the attempts after the first; about what Standard Webhooks recommends. They add up to a day. */
const PAUSES = [
  5 * SECOND,
  30 * SECOND,
  2 * MINUTE,
  10 * MINUTE,
  30 * MINUTE,
  HOUR,
  2 * HOUR,
  4 * HOUR,
  8 * HOUR,
  8 * HOUR,
];
/** An event that an endpoint which is there refuses so often holds the next ones up no longer. */
const REFUSALS_MAX = 4;

/** What an attempt led to: an HTTP status, or why there is none. */
export type Attempt = { readonly status: number } | { readonly fault: string };

export const isTaken = (attempt: Attempt): boolean =>
  'status' in attempt && attempt.status >= 200 && attempt.status < 300;

export const reasonOf = (attempt: Attempt): string =>
  'status' in attempt ? `it answered ${attempt.status}` : attempt.fault;

/** Answers of an endpoint that is not able to take anything just now (RFC 9110, RFC 6585). */
const BUSY = [408, 425, 429];

/** Whether the endpoint has looked at the event, and does not want it. */
const isRefusal = (attempt: Attempt): boolean =>
  'status' in attempt &&
  attempt.status >= 300 &&
  attempt.status < 500 &&
  !BUSY.includes(attempt.status);

/**
 * What comes of a failed attempt, the record's failures included it: `again` at a time, `dead`: the event is
 * put aside, or `paused`: nothing is sent until an administrator sets the webhook anew.
 */
export function afterFailure(
  { failures }: Pick<WebhookRecord, 'failures'>,
  attempt: Attempt,
  now: number,
): { readonly again: number } | 'dead' | { readonly paused: string } {
  if ('status' in attempt && attempt.status === 410) return { paused: 'it answered 410 (gone)' };
  if (isRefusal(attempt) && failures >= REFUSALS_MAX) return 'dead';
  const pause = PAUSES[failures - 1];
  if (pause === undefined) {
    return { paused: `${failures} attempts failed; the last time ${reasonOf(attempt)}` };
  }
  return { again: now + pause };
}
