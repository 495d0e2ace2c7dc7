/**
 * Server-sent events (WHATWG HTML §9.2) over the final history: every event after a cursor exactly
 * once and in order, with no gap between history and live. The stream reads pages until there is
 * none, then waits for a commit; a slow reader holds it back, and it never buffers more than a page.
 */
import { utf8 } from '../bytes/text.ts';
import { encodeEventCursor, placeOf } from './cursor.ts';
import type { EventCursor, LedgerEvent } from './ledger-service.ts';
import type { ApiContext, NodeApi } from './node-api.ts';

const PAGE = 100;
const RETRY_MS = 2000;
const HEARTBEAT_MS = 15_000;

/** Streams from `start`; `render` answers an event's data, or undefined to leave it out. */
export function eventStream(
  c: ApiContext,
  node: NodeApi,
  start: EventCursor,
  render: (event: LedgerEvent) => string | undefined,
): Response {
  const stop = new AbortController();
  const chunks = streamText(node, start, render, stop.signal);
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
  render: (event: LedgerEvent) => string | undefined,
  stop: AbortSignal,
): AsyncGenerator<string, void> {
  // A commit between a read and the wait after it leaves a mark, so that it can't be missed.
  let committed = false;
  let wake = (): void => {};
  const unsubscribe = service.onCommit(() => {
    committed = true;
    wake();
  });
  stop.addEventListener('abort', () => wake(), { once: true });
  const endsAt = streamMsMax === undefined ? Number.POSITIVE_INFINITY : Date.now() + streamMsMax;
  let cursor = start;
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    while (!stop.aborted && Date.now() < endsAt) {
      committed = false;
      const page = await service.events(cursor, PAGE);
      const last = page.at(-1);
      if (last) {
        cursor = placeOf(last);
        yield pageText(page, render);
      } else if (!committed && !stop.aborted) {
        const waitMs = Math.min(heartbeatMs, endsAt - Date.now());
        const rang = await new Promise<boolean>((resolve) => {
          const timer = setTimeout(() => resolve(false), waitMs);
          wake = () => {
            clearTimeout(timer);
            resolve(true);
          };
        });
        if (!rang) yield ': still here\n\n';
      }
    }
  } finally {
    unsubscribe();
  }
}

/** JSON has no line breaks, so one `data:` line holds it; an id alone moves a filtered reader's cursor. */
function pageText(
  page: readonly LedgerEvent[],
  render: (event: LedgerEvent) => string | undefined,
): string {
  let text = '';
  let skipped: LedgerEvent | undefined;
  for (const event of page) {
    const data = render(event);
    skipped = data === undefined ? event : undefined;
    if (data !== undefined) text += `id: ${encodeEventCursor(placeOf(event))}\ndata: ${data}\n\n`;
  }
  return skipped ? `${text}id: ${encodeEventCursor(placeOf(skipped))}\n\n` : text;
}
