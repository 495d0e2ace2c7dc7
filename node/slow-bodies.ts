/**
 * Cuts off who begins a request and does not go on with it: nothing of the body has come for a while,
 * though nobody here holds it back. Node's own time-outs bound the whole of a request, which for a long
 * batch is minutes; a client that dribbles or stops would keep its connection for as long.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { problemDocument } from '../shared/api/problem.ts';
import { answerRaw } from './raw-problem.ts';

interface Watched {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  bytes: number;
  since: number;
}

/** Watches a server's requests until it closes; `idleMs` is how long a body may stand still. */
export function cutOffSlowBodies(server: Server, idleMs: number): void {
  const watched = new Set<Watched>();
  server.on('request', (request, response) => {
    if (request.complete) return;
    const one = { request, response, bytes: request.socket.bytesRead, since: Date.now() };
    watched.add(one);
    response.once('close', () => watched.delete(one));
  });
  const timer = setInterval(() => {
    for (const one of watched) {
      if (one.request.complete) watched.delete(one);
      else if (standsStill(one) && Date.now() - one.since >= idleMs) {
        watched.delete(one);
        cutOff(one, idleMs);
      }
    }
  }, idleMs / 4);
  timer.unref();
  server.once('close', () => clearInterval(timer));
}

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
function cutOff({ request, response }: Watched, idleMs: number): void {
  const { socket } = request;
  if (response.headersSent) {
    socket.destroy();
    return;
  }
  const detail = `The rest of the body did not come within ${idleMs / 1000} s.`;
  answerRaw(socket, problemDocument('request-timeout', detail));
}
