/**
 * The `Peers` port over HTTP: `POST <endpoint>/peer` with a message's bytes and a short-lived token.
 * The client never follows a redirect and bounds time and size; the handler lets nobody in without
 * a good token. Neither looks into a message.
 */
import type { KeyObject } from 'node:crypto';
import { Agent, request } from 'undici';
import { readUpTo, refuseMediaType } from '../shared/api/body.ts';
import { problem } from '../shared/api/problem.ts';
import type { Digest } from '../shared/bytes/digest.ts';
import { decodeRequest } from '../shared/consensus/message.ts';
import type { Peers } from '../shared/ports/peers.ts';
import { issuePeerToken, PEER_TOKEN_MS } from './peer-token.ts';

/** The largest message: a full block with its certificates, or a page of catch-up blocks. */
export const PEER_MESSAGE_BYTES_MAX = 4 * 1024 * 1024;
const TIMEOUT_MS = 10_000;
const CBOR_TYPE = 'application/cbor';

export interface HttpPeersOptions {
  /** This node's member, and the ledger that it speaks about. */
  readonly member: string;
  readonly ledger: Digest;
  /** The member's peer key, and its successor while it is rotated: sign tokens. */
  readonly keys: readonly [KeyObject, ...KeyObject[]];
  /** Where a member's node is, e.g. `http://127.0.0.1:7101`; undefined where it is not known. */
  readonly endpointOf: (member: string) => string | undefined;
  readonly now: () => number;
  /** Time for one request with its reply, milliseconds; 10 s unless told. */
  readonly timeoutMs?: number;
}

/** Opens the client; `close` ends its connections. */
export function httpPeers(options: HttpPeersOptions): Peers & { close(): Promise<void> } {
  const { member: caller, ledger, keys, endpointOf, now, timeoutMs = TIMEOUT_MS } = options;
  const agent = new Agent({ maxResponseSize: PEER_MESSAGE_BYTES_MAX, keepAliveTimeout: 30_000 });
  const tokens = new Map<string, { readonly token: string; readonly renewAt: number }>();

  /** Which of the keys each member took last: one that is behind may still know the old one only. */
  const accepted = new Map<string, number>();

  function tokenFor(audience: string): string {
    const key = keys[accepted.get(audience) ?? 0]!;
    const time = now();
    const known = tokens.get(audience);
    // A clock that was set back must not keep an old token alive either.
    if (known && time < known.renewAt && known.renewAt - time <= PEER_TOKEN_MS) return known.token;
    const token = issuePeerToken({ key, member: caller, audience, ledger, now: time });
    tokens.set(audience, { token, renewAt: time + PEER_TOKEN_MS / 2 });
    return token;
  }

  async function post(member: string, message: Uint8Array): Promise<Uint8Array> {
    const endpoint = endpointOf(member);
    if (endpoint === undefined) throw new Error('its endpoint is not known');
    for (let attempt = 1; ; attempt++) {
      const { statusCode, reply } = await postOnce(endpoint, member, message);
      if (statusCode === 200) return reply;
      if (statusCode !== 401 || attempt === keys.length) {
        throw new Error(`it answered with status ${statusCode}`);
      }
      accepted.set(member, ((accepted.get(member) ?? 0) + 1) % keys.length);
      tokens.delete(member);
    }
  }

  async function postOnce(endpoint: string, member: string, message: Uint8Array) {
    const { statusCode, body } = await request(`${endpoint.replace(/\/$/, '')}/peer`, {
      method: 'POST',
      dispatcher: agent,
      signal: AbortSignal.timeout(timeoutMs),
      headers: { authorization: `Bearer ${tokenFor(member)}`, 'content-type': CBOR_TYPE },
      body: message,
    });
    return { statusCode, reply: await body.bytes() };
  }

  return {
    async request(member, message) {
      try {
        return await post(member, message);
      } catch (cause) {
        throw new Error(`no reply from member ${member}: ${(cause as Error).message}`, { cause });
      }
    },
    close: () => agent.destroy(),
  };
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
    const message = await readMessage(request, bytesMax);
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

/** The body's bytes; undefined where they are more than `bytesMax`. */
async function readMessage(
  request: globalThis.Request,
  bytesMax: number,
): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) return undefined;
  return readUpTo(request, bytesMax);
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
