/**
 * A node that nobody can reach connects out to the relay at the consortium's gateway: a WebSocket that
 * rings, HTTPS that fetches and answers. What rings is handled as what comes by the door.
 */
import type { KeyObject } from 'node:crypto';
import type { Logger } from 'pino';
import { WebSocket } from 'undici';
import { RELAY_AUDIENCE, type Ring, RingSchema, relayDoor } from '../shared/api/relay.ts';
import type { Digest } from '../shared/bytes/digest.ts';
import { boundedFetch } from './bounded-fetch.ts';
import { PEER_MESSAGE_BYTES_MAX } from './http-peers.ts';
import { issuePeerToken } from './peer-token.ts';
import { sparingly } from './sparing-log.ts';
import { CBOR_TYPE } from './token-peers.ts';

export interface RelayClientOptions {
  readonly gateway: string;
  /** The relay's WebSocket. */
  readonly socket: string;
  readonly consortium: string;
  readonly member: string;
  readonly ledger: Digest;
  readonly peerKey: KeyObject;
  /** The door's handler. */
  readonly handle: (request: Request) => Promise<Response>;
  /** Called when it is connected, again too: what was said meanwhile was not heard. */
  readonly onConnected: () => void;
  readonly log: Logger;
}

/** API Gateway closes a socket that says nothing for ten minutes. */
const KEEP_ALIVE_MS = 9 * 60_000;
const RETRY_MS = 500;
const RETRY_MS_MAX = 30_000;
const REQUEST_MS = 10_000;

/** Keeps connected until it is stopped. */
export function connectToRelay(options: RelayClientOptions): { stop(): void } {
  const { gateway, socket: url, consortium, member, ledger, peerKey: key, log } = options;
  const door = `${gateway}${relayDoor(consortium, member)}`;
  const authorization = (): string =>
    `Bearer ${issuePeerToken({ key, member, audience: RELAY_AUDIENCE, ledger, now: Date.now() })}`;
  const warn = sparingly((fields, message) => log.warn(fields, message));
  let stopped = false;
  let failures = 0;
  let retry: NodeJS.Timeout | undefined;
  let current: WebSocket | undefined;

  const connect = (): void => {
    const socket = new WebSocket(url, { headers: { authorization: authorization() } });
    current = socket;
    let keepAlive: NodeJS.Timeout | undefined;
    socket.addEventListener('open', () => {
      failures = 0;
      log.info({ relay: url }, 'relay-connected');
      keepAlive = setInterval(() => socket.send('{"action":"alive"}'), KEEP_ALIVE_MS);
      options.onConnected();
    });
    socket.addEventListener('message', ({ data }) => {
      answer(String(data)).catch((error: unknown) =>
        warn('relay-message-failed', { error: String(error) }, 'relay-message-failed'),
      );
    });
    // An error is followed by the end, too.
    socket.addEventListener('error', () => {});
    socket.addEventListener('close', ({ code }) => {
      clearInterval(keepAlive);
      if (stopped) return;
      const pause = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** failures++) * (0.5 + Math.random() / 2);
      log.warn({ relay: url, code, againInMs: Math.round(pause) }, 'relay-disconnected');
      retry = setTimeout(connect, pause);
    });
  };

  async function answer(data: string): Promise<void> {
    const ring = RingSchema.parse(JSON.parse(data));
    const message = await messageOf(ring);
    const response = await options.handle(
      new Request(`${door}/peer`, {
        method: 'POST',
        headers: { authorization: ring.authorization, 'content-type': CBOR_TYPE },
        body: message,
      }),
    );
    const reply = await fetch(`${door}/replies/${ring.id}?status=${response.status}`, {
      method: 'POST',
      headers: { authorization: authorization(), 'content-type': CBOR_TYPE },
      body: await response.arrayBuffer(),
      redirect: 'error',
      signal: AbortSignal.timeout(REQUEST_MS),
    });
    if (!reply.ok) throw new Error(`the relay answered ${reply.status}`);
  }

  async function messageOf({ id, message }: Ring): Promise<Uint8Array<ArrayBuffer>> {
    if (message !== undefined) return Uint8Array.from(Buffer.from(message, 'base64'));
    const init = {
      headers: { authorization: authorization() },
      signal: AbortSignal.timeout(REQUEST_MS),
    };
    const response = await boundedFetch(`${door}/messages/${id}`, init, PEER_MESSAGE_BYTES_MAX);
    if (!response.ok) throw new Error(`the relay answered ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }

  connect();
  return {
    stop() {
      stopped = true;
      clearTimeout(retry);
      current?.close();
    },
  };
}
