/**
 * The `Peers` port over HTTP: `POST <endpoint>/peer` (or `/peer/tidings`) with a message's bytes and a short-lived token.
 * Never follows a redirect, bounds time and size, and does not look into a message.
 */
import { Agent, type Dispatcher } from 'undici';
import { peerPath } from '../shared/api/node-api.ts';
import type { Peers } from '../shared/ports/peers.ts';
import { type PostToPeer, type TokenPeersOptions, tokenPeers } from './token-peers.ts';

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
    const { origin, pathname } = new URL(endpoint);
    const path = `${pathname.replace(/\/$/, '')}${peerPath(message)}`;
    return exchange(agent, { origin, path, method: 'POST', headers, body: message }, timeoutMs);
  };
  return { ...tokenPeers({ ...options, post }), close: () => agent.destroy() };
}

/**
 * One request with its reply. By the client's own events: the streams and signals of its `request` are a third of
 * what it takes under load.
 */
function exchange(
  agent: Agent,
  asked: Dispatcher.DispatchOptions,
  timeoutMs: number,
): Promise<{ status: number; reply: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let status = 0;
    let running: Dispatcher.DispatchController | undefined;
    let isLate = false;
    const timeout = new Error('timeout');
    const timer = setTimeout(() => {
      isLate = true;
      running?.abort(timeout);
      reject(timeout);
    }, timeoutMs);
    agent.dispatch(asked, {
      onRequestStart(controller) {
        // It may have waited for its connection until nobody wants it any more.
        if (isLate) controller.abort(timeout);
        running = controller;
      },
      onResponseStart(_controller, statusCode) {
        status = statusCode;
      },
      onResponseData(_controller, piece) {
        pieces.push(piece);
      },
      onResponseEnd() {
        clearTimeout(timer);
        resolve({ status, reply: pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces) });
      },
      onResponseError(_controller, error) {
        clearTimeout(timer);
        reject(error);
      },
    });
  });
}
