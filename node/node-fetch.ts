/**
 * How the gateway's requests leave it: over kept connections, small bodies and answers whole. The
 * platform's `fetch` makes two streams of each, which is half of what a small call costs.
 */
import { Readable } from 'node:stream';
import { Agent, request } from 'undici';

/** An answer of at most this is held until it is whole; larger ones, and those of unknown length, stream. */
const HELD_BYTES_MAX = 64 * 1024;
const KEEP_ALIVE_MS = 30_000;
/** Statuses whose answers have no body (RFC 9110 §15). */
const BODILESS = [204, 205, 304];

/** A `fetch` for requests with headers and a body at hand or none, that follows no redirect; `close` ends its connections. */
export function nodeFetch(): { fetch: typeof globalThis.fetch; close(): Promise<void> } {
  // Who calls bounds the time.
  const agent = new Agent({ keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: 0, bodyTimeout: 0 });
  const fetch = async (
    input: string | URL | Request,
    init: RequestInit = {},
  ): Promise<Response> => {
    const { method = 'GET', body, signal } = init;
    const answer = await request(String(input), {
      method,
      dispatcher: agent,
      headers: Object.fromEntries(new Headers(init.headers)),
      signal: signal ?? null,
      body: sent(body),
    });
    const { statusCode: status } = answer;
    const headers = new Headers();
    for (const [name, value] of Object.entries(answer.headers)) {
      for (const one of Array.isArray(value) ? value : [value ?? '']) headers.append(name, one);
    }
    return new Response(await bodyOf(), { status, headers });

    async function bodyOf(): Promise<Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null> {
      if (BODILESS.includes(status) || method === 'HEAD') {
        await answer.body.dump();
        return null;
      }
      if (Number(headers.get('content-length') ?? Number.NaN) <= HELD_BYTES_MAX) {
        return answer.body.bytes() as Promise<Uint8Array<ArrayBuffer>>;
      }
      return streamOf(answer.body);
    }
  };
  return { fetch: fetch as typeof globalThis.fetch, close: () => agent.destroy() };
}

/**
 * A body as it comes. Not `Readable.toWeb`: one that is cancelled while it flows would throw where nobody
 * catches it; nor `ReadableStream.from`, which would wait for the next chunk before it lets go.
 */
function streamOf(body: Readable): ReadableStream<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  // Whoever reads learns of it.
  body.on('error', () => {});
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: () => void body.destroy(),
    },
    { highWaterMark: 0 },
  );
}

function sent(body: RequestInit['body']): Uint8Array | Readable | string | null {
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  if (body instanceof ReadableStream) return Readable.fromWeb(body as NodeStream);
  if (body === null || body === undefined || typeof body === 'string') return body ?? null;
  throw new TypeError('a body is bytes, a text or a stream');
}
type NodeStream = Parameters<typeof Readable.fromWeb>[0];
