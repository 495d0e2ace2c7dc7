/**
 * Server-sent events (WHATWG HTML §9.2) over the final history: every event after a cursor exactly
 * once and in order, with no gap between history and live. The stream reads pages until there is
 * none, then waits for a commit; a slow reader holds it back, and it never buffers more than a page.
 */
import { utf8 } from '../bytes/text.ts';
import { cloudEvent } from './cloud-event.ts';
import { encodeEventCursor } from './cursor.ts';
import type { EventCursor, EventsSeen, LedgerService } from './ledger-service.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { readEvents, type Subscription } from './subscription.ts';

const PAGE = 100;
const RETRY_MS = 2000;
const HEARTBEAT_MS = 15_000;

/** Streams what a subscriber wants from `start` on. */
export function eventStream(
  c: ApiContext,
  node: NodeApi,
  start: EventCursor,
  subscription: Subscription,
): Response {
  const stop = new AbortController();
  const chunks = streamText(node, start, subscription, stop.signal);
  const { signal } = c.req.raw;
  if (signal.aborted) stop.abort();
  signal.addEventListener('abort', () => stop.abort(), { once: true });
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value, done } = await chunks.next();
          if (cancelled) return;
          if (done) controller.close();
          else controller.enqueue(utf8(value));
        } catch (error) {
          // The status is out already: the reader sees a broken stream and resumes from its cursor.
          node.log?.error({ requestId: c.get('requestId'), err: error }, 'an event stream failed');
          controller.error(error);
        }
      },
      async cancel() {
        cancelled = true;
        stop.abort();
        await chunks.return(undefined);
      },
    },
    new CountQueuingStrategy({ highWaterMark: 1 }),
  );
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    },
  });
}

async function* streamText(
  { service, heartbeatMs = HEARTBEAT_MS, streamMsMax }: NodeApi,
  start: EventCursor,
  subscription: Subscription,
  stop: AbortSignal,
): AsyncGenerator<string, void> {
  // News between a read and the wait after it leave a mark, so that they can't be missed.
  let isNews = false;
  let wake = (): void => {};
  const tell = (): void => {
    isNews = true;
    wake();
  };
  const unsubscribe = service.onNews(tell);
  stop.addEventListener('abort', () => wake(), { once: true });
  const endsAt = streamMsMax === undefined ? Number.POSITIVE_INFINITY : Date.now() + streamMsMax;
  let cursor = start;
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    while (!stop.aborted && Date.now() < endsAt) {
      isNews = false;
      const page = await readEvents(service, cursor, PAGE, subscription);
      const text = pageText(service, cursor, page);
      cursor = page.end;
      if (text !== '') yield text;
      if (!page.isEnd || isNews || stop.aborted) continue;
      const now = Date.now();
      const lookAt = Math.min(endsAt, page.waitUntil ?? Number.POSITIVE_INFINITY);
      const waitMs = Math.max(0, Math.min(heartbeatMs, lookAt - now));
      const rang = await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), waitMs);
        wake = () => {
          clearTimeout(timer);
          resolve(true);
        };
      });
      if (!rang && waitMs === heartbeatMs) yield ': still here\n\n';
    }
  } finally {
    unsubscribe();
  }
}

/** JSON has no line breaks, so one `data:` line holds it; an id alone moves the cursor of a reader that gets no event. */
function pageText(service: LedgerService, start: EventCursor, { seen, end }: EventsSeen): string {
  let text = '';
  let told = encodeEventCursor(start);
  for (const { event, cursor, isWanted } of seen) {
    if (!isWanted) continue;
    told = encodeEventCursor(cursor);
    text += `id: ${told}\ndata: ${JSON.stringify(cloudEvent(event, cursor, service))}\n\n`;
  }
  const last = encodeEventCursor(end);
  return last === told ? text : `${text}id: ${last}\n\n`;
}
