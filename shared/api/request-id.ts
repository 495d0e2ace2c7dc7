/**
 * The id of a request, from the first to the last who has to do with it: taken from the caller
 * (`X-Request-Id`, or the trace of a W3C Trace Context `traceparent`) or made, answered in a header and in
 * every problem document, and passed on.
 */
import type { MiddlewareHandler } from 'hono';
import { PROBLEM_TYPE, type ProblemDocument } from './problem.ts';

/** What logs say of a request, and what calls to others carry on. */
export interface RequestAbout {
  readonly requestId: string;
  /** 32 hex digits of a trace that the caller began (W3C Trace Context §3.2.2.3). */
  readonly traceId?: string;
}

const REQUEST_ID = /^[\w.-]{8,64}$/;
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;

/** Reads a request's id from its headers, or makes one. */
export function requestAbout(header: (name: string) => string | null | undefined): RequestAbout {
  const given = header('x-request-id') ?? '';
  const traceId = TRACEPARENT.exec(header('traceparent') ?? '')?.[1];
  // All zeroes is no trace.
  const trace = traceId && /[1-9a-f]/.test(traceId) ? { traceId } : {};
  const requestId = REQUEST_ID.test(given) ? given : (trace.traceId ?? crypto.randomUUID());
  return { requestId, ...trace };
}

/** A host's way to let all that is done for a request know of it. */
export type InRequest = <T>(about: RequestAbout, serve: () => Promise<T>) => Promise<T>;

/** Gives each request its id, and each answer. */
export const withRequestId =
  (inRequest?: InRequest): MiddlewareHandler<{ Variables: { requestId: string } }> =>
  async (c, next) => {
    const about = requestAbout((name) => c.req.header(name));
    const { requestId } = about;
    c.set('requestId', requestId);
    await (inRequest ? inRequest(about, next) : next());
    if (c.res.headers.get('content-type') === PROBLEM_TYPE && c.req.method !== 'HEAD') {
      c.res = await named(c.res, requestId);
    }
    // Hono's own setter makes another response of one that is there, body and all.
    c.res.headers.set('x-request-id', requestId);
  };

/** A problem document that says of which request it is (`instance`, RFC 9457 §3.1.5). */
export async function named(response: Response, requestId: string): Promise<Response> {
  const document = (await response.json()) as ProblemDocument;
  const headers = new Headers(response.headers);
  headers.delete('content-length');
  const instance = `urn:fuqi:request:${requestId}`;
  const { status } = response;
  return Response.json({ instance, ...document, requestId }, { status, headers });
}
