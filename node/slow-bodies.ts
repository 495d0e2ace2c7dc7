/**
 * Cuts off who begins a request and does not go on with it: nothing of the body has come for a while,
 * though nobody here holds it back. Node's own time-outs bound the whole of a request, which for a long
 * batch is minutes; a client that dribbles or stops would keep its connection for as long. What has come of all
 * bodies that are not complete waits in memory, so it is bounded as well: the oldest ones go first.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { problemDocument } from '../shared/api/problem.ts';
import { answerRaw } from './raw-problem.ts';

interface Watched {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly begin: number;
  bytes: number;
  since: number;
}

export interface SlowBodyLimits {
  /** How long a body may stand still. */
  readonly idleMs: number;
  /** Bytes of all bodies that are not complete. */
  readonly bytesMax: number;
}

/** Of one body no more is held: longer ones are streams, or refused. */
const HELD_BYTES_MAX = 4 * 1024 * 1024;
const LOOK_MS = 1000;

/** Watches a server's requests until it closes; `onCutOff` is told of each that was cut off. */
export function cutOffSlowBodies(
  server: Server,
  { idleMs, bytesMax }: SlowBodyLimits,
  onCutOff: (address: string) => void = () => {},
): void {
  const watched = new Set<Watched>();
  server.on('request', (request, response) => {
    if (request.complete) return;
    const { bytesRead } = request.socket;
    const one = { request, response, begin: bytesRead, bytes: bytesRead, since: Date.now() };
    watched.add(one);
    response.once('close', () => watched.delete(one));
  });
  const end = (one: Watched, detail: string): void => {
    watched.delete(one);
    onCutOff(one.request.socket.remoteAddress ?? '');
    cutOff(one, detail);
  };
  const look = (): void => {
    let held = 0;
    for (const one of watched) {
      if (one.request.complete) watched.delete(one);
      else if (standsStill(one) && Date.now() - one.since >= idleMs) {
        end(one, `The rest of the body did not come within ${idleMs / 1000} s.`);
      } else held += heldOf(one);
    }
    // In the order in which they began.
    for (const one of watched) {
      if (held <= bytesMax) return;
      held -= heldOf(one);
      end(one, 'Too many long bodies are on their way here at once, and this one is the oldest.');
    }
  };
  const timer = setInterval(look, Math.min(LOOK_MS, idleMs / 4));
  timer.unref();
  server.once('close', () => clearInterval(timer));
}

const heldOf = ({ request, begin }: Watched): number =>
  Math.min(HELD_BYTES_MAX, request.socket.bytesRead - begin);

function standsStill(one: Watched): boolean {
  const { socket, readableLength } = one.request;
  // What has arrived and was not read yet is not the client's fault.
  const moves = socket.bytesRead !== one.bytes || readableLength > 0;
  if (moves) {
    one.bytes = socket.bytesRead;
    one.since = Date.now();
  }
  return !moves;
}

/** Answers 408 (RFC 9110 §15.5.9) where nothing was answered yet, and closes the connection. */
function cutOff({ request, response }: Watched, detail: string): void {
  const { socket } = request;
  if (response.headersSent) {
    socket.destroy();
    return;
  }
  answerRaw(socket, problemDocument('request-timeout', detail));
}
