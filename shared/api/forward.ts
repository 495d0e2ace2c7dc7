/**
 * Passing one request to a node and its answer back. Bodies stream and are neither parsed nor
 * logged; hop-by-hop headers (RFC 9110 §7.6.1) stay behind; a caller that goes away takes the
 * request to the node with it. Never sends twice what may have been taken and would count twice.
 */
import type { GatewayOptions } from './gateway.ts';
import { PROBLEMS, problem } from './problem.ts';
import type { Rotation, Upstream } from './rotation.ts';

/** Where a request may go: the tenant's own node, or for an anonymous one any, best first. */
export interface Route {
  readonly tenant: Upstream | undefined;
  readonly others: readonly Upstream[];
}

export type ForwardOptions = Pick<
  GatewayOptions,
  'fetch' | 'timeoutMs' | 'bodyBytesMax' | 'log' | 'nodeOf'
> & {
  readonly requestId: string;
  readonly rotation: Rotation;
};

const TIMEOUT_MS = 35_000;
/** More than a node takes of anything: its answer says what was too large, and keeps what was taken before. */
const BODY_BYTES_MAX = 65 * 1024 * 1024;
/** A body of at most this is held while it is sent, so that another node can be tried. */
const HELD_BYTES_MAX = 1024 * 1024;

/** Tries the tenant's node, or the others in order where that changes nothing twice. */
export async function forward(
  request: Request,
  route: Route,
  options: ForwardOptions,
): Promise<Response> {
  const bytesMax = options.bodyBytesMax ?? BODY_BYTES_MAX;
  const declared = Number(request.headers.get('content-length') ?? Number.NaN);
  if (declared > bytesMax) return tooLarge(declared, bytesMax);
  const held = declared <= HELD_BYTES_MAX ? await request.arrayBuffer() : undefined;
  const streams = request.body !== null && held === undefined;
  const reads = request.method === 'GET' || request.method === 'HEAD';
  // A signed transaction counts once wherever it is sent: its id is its own.
  const repeatable = reads || (!streams && pathOf(request).endsWith('/transactions'));
  const { tenant, others } = route;
  const candidates = tenant ? [tenant, ...(reads ? others : [])] : others;
  let failure: Response | undefined;
  for (const upstream of candidates) {
    // Another member's node doesn't know the key: it answers as to anyone, or not at all.
    const anonymous = tenant !== undefined && upstream !== tenant;
    const body = streams ? limited(request.body!, bytesMax) : held && { stream: held };
    const sendTo = (to: Upstream) => send(request, to, body?.stream, anonymous, options);
    let outcome = await sendTo(upstream);
    if (upstream === tenant && !request.signal.aborted && mayHaveMoved(outcome)) {
      const there = await movedTo(tenant, options);
      // Asked for in any case: the next request goes there, where this one can't be sent twice.
      const tookNothing = repeatable || outcome instanceof Response || outcome.refused;
      if (there && !streams && tookNothing) outcome = await sendTo(there);
    }
    if (outcome instanceof Response) {
      if (isMoved(outcome) && upstream !== tenant && reads) {
        failure ??= outcome;
        continue;
      }
      if (!anonymous || outcome.status !== 401) return outcome;
      await outcome.body?.cancel();
      break;
    }
    if (body && 'exceeded' in body && body.exceeded()) return tooLarge(null, bytesMax);
    failure ??= failureResponse(request, upstream, outcome);
    if (request.signal.aborted) return failure;
    if (!repeatable && (streams || !outcome.refused)) return failure;
  }
  return failure ?? problem('bad-gateway', 'No node is known to this gateway.');
}

/** Who has moved says so, or does not know the key of another node, or is not there any more. */
const mayHaveMoved = (outcome: Response | Failure): boolean =>
  !(outcome instanceof Response) || isMoved(outcome) || isRefused(outcome);

/** Whether the node says that it is not its member's any more. */
const isMoved = (outcome: Response | Failure): boolean =>
  outcome instanceof Response && outcome.status === PROBLEMS.misdirected.status;

const isRefused = (outcome: Response | Failure): boolean =>
  outcome instanceof Response && outcome.status === PROBLEMS.unauthorized.status;

/** Where a member's node is now; undefined where nobody says that it is elsewhere. */
async function movedTo(
  { member, endpoint: before }: Upstream,
  { nodeOf }: ForwardOptions,
): Promise<Upstream | undefined> {
  // Where nobody can say, what was answered stands.
  const endpoint = await nodeOf?.(member, true).catch(() => undefined);
  return endpoint === undefined || endpoint === before ? undefined : { member, endpoint };
}

interface Failure {
  /** Nobody listened there: nothing was taken. */
  readonly refused: boolean;
  readonly timedOut: boolean;
}

async function send(
  request: Request,
  upstream: Upstream,
  body: ArrayBuffer | ReadableStream<Uint8Array> | undefined,
  anonymous: boolean,
  { fetch = globalThis.fetch, timeoutMs = TIMEOUT_MS, requestId, rotation, log }: ForwardOptions,
): Promise<Response | Failure> {
  const { pathname, search, host, protocol } = new URL(request.url);
  // Until the answer begins; after that, a caller that goes away cancels the body, which ends it too.
  const giveUp = new AbortController();
  const stop = (): void => giveUp.abort();
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, timeoutMs);
  request.signal.addEventListener('abort', stop, { once: true });
  if (request.signal.aborted) stop();
  const headers = endToEnd(request.headers, ['host', 'content-length', 'expect']);
  headers.set('accept-encoding', 'identity');
  headers.set('x-request-id', requestId);
  headers.set('x-forwarded-host', host);
  headers.set('x-forwarded-proto', protocol.slice(0, -1));
  if (anonymous) headers.delete('authorization');
  try {
    const response = await fetch(`${upstream.endpoint}${pathname}${search}`, {
      method: request.method,
      headers,
      ...(body === undefined ? {} : { body, duplex: 'half' }),
      redirect: 'manual',
      signal: giveUp.signal,
    } as RequestInit);
    rotation.answered(upstream);
    // What `fetch` decoded has another length than its header says.
    const decoded = response.headers.has('content-encoding');
    return new Response(response.body, {
      status: response.status,
      headers: endToEnd(response.headers, decoded ? ['content-length', 'content-encoding'] : []),
    });
  } catch (error) {
    const cause = causeOf(error);
    if (!request.signal.aborted) {
      rotation.failed(upstream);
      log?.error({ requestId, member: upstream.member, cause }, 'a node did not answer');
    }
    return { refused: cause === 'ECONNREFUSED', timedOut };
  } finally {
    clearTimeout(timer);
    request.signal.removeEventListener('abort', stop);
  }
}

function failureResponse(request: Request, { member }: Upstream, failure: Failure): Response {
  const sure = failure.refused || mayRepeat(request);
  const next = sure
    ? 'Send the same again in a moment.'
    : 'It may have been taken: look before you send it again, and send an Idempotency-Key next time.';
  const retry = sure ? 'same' : 'none';
  return failure.timedOut
    ? problem('gateway-timeout', `The node of ${member} did not answer in time. ${next}`, { retry })
    : problem('bad-gateway', `The node of ${member} can't be reached. ${next}`, { retry });
}

/** Whether a request counts once however often it is sent: a read, a signed transaction, one with an idempotency key. */
export const mayRepeat = (request: Request): boolean =>
  request.method !== 'POST' ||
  request.headers.has('idempotency-key') ||
  /\/transactions(\/batch)?$/.test(pathOf(request));

const pathOf = (request: Request): string => new URL(request.url).pathname;

const tooLarge = (got: number | null, expected: number): Response =>
  problem('payload-too-large', `The body is larger than ${expected} bytes.`, { got, expected });

const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];

/** A copy without hop-by-hop headers, those that `Connection` names, and those that the sender sets anew. */
function endToEnd(given: Headers, own: readonly string[]): Headers {
  const headers = new Headers(given);
  const named = (given.get('connection') ?? '').split(',').map((name) => name.trim().toLowerCase());
  for (const name of [...HOP_BY_HOP, ...own, ...named]) {
    if (/^[a-z0-9-]+$/.test(name)) headers.delete(name);
  }
  return headers;
}

/** Passes a body through until it is larger than `bytesMax`, then fails it and says so. */
function limited(
  body: ReadableStream<Uint8Array>,
  bytesMax: number,
): { readonly stream: ReadableStream<Uint8Array>; exceeded(): boolean } {
  let length = 0;
  const stream = body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        length += chunk.length;
        if (length > bytesMax) controller.error(new Error(`a body of more than ${bytesMax} bytes`));
        else controller.enqueue(chunk);
      },
    }),
  );
  return { stream, exceeded: () => length > bytesMax };
}

/** The system's code of a network fault, such as ECONNREFUSED; no message, which may hold addresses. */
function causeOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') return at.code;
  }
  return error instanceof Error ? error.name : 'unknown';
}
