/**
 * The `Peers` port over HTTP: `POST <endpoint>/peer` (or `/peer/tidings`) with a message's bytes and a short-lived token.
 * The client never follows a redirect and bounds time and size; the handler lets nobody in without
 * a good token. Neither looks into a message.
 */
import { Agent, request } from 'undici';
import { readUpTo, refuseMediaType } from '../shared/api/body.ts';
import { peerPath } from '../shared/api/node-api.ts';
import { problem } from '../shared/api/problem.ts';
import { decodeRequest } from '../shared/consensus/message.ts';
import type { Peers } from '../shared/ports/peers.ts';
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
  /** Learns of faults while a message was handled; the caller is told only that there was one. */
  readonly onFault?: (member: string, error: unknown) => void;
}

/** The handler of `POST /peer`; refusals are problem documents. */
export function peerHandler(
  options: PeerHandlerOptions,
): (request: globalThis.Request) => Promise<Response> {
  const { verify, receive, onFault } = options;
  const bytesMax = options.limits?.messageBytesMax ?? PEER_MESSAGE_BYTES_MAX;
  return async (request) => {
    const token = /^Bearer ([\w.-]+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
    const member = token === undefined ? undefined : verify(token);
    if (member === undefined) {
      return problem('unauthorized', 'The request carries no good token of a member’s node.');
    }
    const refused = refuseMediaType(request, [CBOR_TYPE]);
    if (refused) return refused;
    const message = await readUpTo(request, bytesMax);
    if (message === undefined) {
      return problem('payload-too-large', `The message is larger than ${bytesMax} bytes.`, {
        expected: bytesMax,
      });
    }
    try {
      const reply = await receive(member, message);
      return new Response(reply as Uint8Array<ArrayBuffer>, {
        headers: { 'content-type': CBOR_TYPE },
      });
    } catch (error) {
      if (!isRequest(message)) {
        return problem('bad-request', `The ${message.length} bytes are no message between nodes.`);
      }
      onFault?.(member, error);
      return problem('internal', 'The message could not be handled; the node’s log says why.');
    }
  };
}

/** Whether bytes are a request; asked only after one failed, to tell whose fault it was. */
function isRequest(message: Uint8Array): boolean {
  try {
    decodeRequest(message);
    return true;
  } catch {
    return false;
  }
}
