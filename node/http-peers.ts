/**
 * The `Peers` port over HTTP: `POST <endpoint>/peer` (or `/peer/tidings`) with a message's bytes and a short-lived token.
 * The client never follows a redirect and bounds time and size; the handler lets nobody in without
 * a good token. Neither looks into a message.
 */
import { Agent, request } from 'undici';
import { readUpTo, refuseMediaType } from '../shared/api/body.ts';
import { peerPath } from '../shared/api/node-api.ts';
import { problem } from '../shared/api/problem.ts';
import { storeProblem } from '../shared/api/store-faults.ts';
import type { Peers } from '../shared/ports/peers.ts';
import { StoreFault } from '../shared/ports/store-fault.ts';
import { BadMessage } from '../shared/replica/bad-message.ts';
import { type PeerGuard, peerGuard } from './peer-guard.ts';
import { CBOR_TYPE, type PostToPeer, type TokenPeersOptions, tokenPeers } from './token-peers.ts';

/** The largest message: a full block with its certificates, or a page of catch-up blocks. */
export const PEER_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
const TIMEOUT_MS = 10_000;

export interface HttpPeersOptions extends Omit<TokenPeersOptions, 'post'> {
  /** Where a member's node is, e.g. `http://127.0.0.1:7101`; undefined where it is not known. */
  readonly endpointOf: (member: string) => string | undefined;
  /** Time for one request with its reply, milliseconds; 10 s unless told. */
  readonly timeoutMs?: number;
}

/** Opens the client; `close` ends its connections. */
export function httpPeers(options: HttpPeersOptions): Peers & { close(): Promise<void> } {
  const { endpointOf, timeoutMs = TIMEOUT_MS } = options;
  const agent = new Agent({ maxResponseSize: PEER_MESSAGE_BYTES_MAX, keepAliveTimeout: 30_000 });
  const post: PostToPeer = async (member, headers, message) => {
    const endpoint = endpointOf(member);
    if (endpoint === undefined) throw new Error('its endpoint is not known');
    // Cleared when the reply is there: the platform's own timed signals are not, and cost more than the message.
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(new Error('timeout')), timeoutMs);
    try {
      const { statusCode, body } = await request(
        `${endpoint.replace(/\/$/, '')}${peerPath(message)}`,
        { method: 'POST', dispatcher: agent, signal: giveUp.signal, headers, body: message },
      );
      return { status: statusCode, reply: await body.bytes() };
    } finally {
      clearTimeout(timer);
    }
  };
  return { ...tokenPeers({ ...options, post }), close: () => agent.destroy() };
}

export interface PeerHandlerOptions {
  /** The member who issued a token (`peerTokenVerifier`); undefined for one that is not good. */
  readonly verify: (token: string) => string | undefined;
  /** Handles a member's message and answers the reply. */
  readonly receive: (member: string, message: Uint8Array) => Promise<Uint8Array>;
  readonly limits?: { readonly messageBytesMax: number };
  /** Remembers who sent what was refused; where a handler serves one request only, its host keeps it. */
  readonly guard?: PeerGuard;
}

/** The handler of `POST /peer`; refusals are problem documents. */
export function peerHandler(
  options: PeerHandlerOptions,
): (request: globalThis.Request) => Promise<Response> {
  const { verify, receive, guard = peerGuard() } = options;
  const bytesMax = options.limits?.messageBytesMax ?? PEER_MESSAGE_BYTES_MAX;
  return async (request) => {
    const token = /^Bearer ([\w.-]+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
    const member = token === undefined ? undefined : verify(token);
    if (member === undefined) {
      return problem('unauthorized', 'The request carries no good token of a member’s node.');
    }
    return guard.handle(member, () => answer(member, request));
  };

  async function answer(member: string, request: globalThis.Request): Promise<Response> {
    const refused = refuseMediaType(request, [CBOR_TYPE]);
    if (refused) {
      guard.refused(member, 'media-type', 'a body of another type');
      return refused;
    }
    const message = await readUpTo(request, bytesMax);
    if (message === undefined) {
      const detail = `The message is larger than ${bytesMax} bytes.`;
      guard.refused(member, 'too-large', detail);
      return problem('payload-too-large', detail, { expected: bytesMax });
    }
    try {
      const reply = await receive(member, message);
      return new Response(reply as Uint8Array<ArrayBuffer>, {
        headers: { 'content-type': CBOR_TYPE },
      });
    } catch (error) {
      if (error instanceof BadMessage) {
        guard.refused(member, error.kind, error.message);
        const detail = `The ${message.length} bytes are no message of a correct node: ${error.kind}.`;
        return problem('bad-request', detail, { got: error.kind });
      }
      guard.failed(member, error);
      if (error instanceof StoreFault) return storeProblem(error, request);
      return problem('internal', 'The message could not be handled; the node’s log says why.');
    }
  }
}
