/**
 * Cuts off who begins a request and does not go on with it: nothing of the body has come for a while,
 * though nobody here holds it back. Node's own time-outs bound the whole of a request, which for a long
 * batch is minutes; a client that dribbles or stops would keep its connection for as long. What has come of all
 * bodies that are not complete waits in memory, so it is bounded as well: the oldest ones go first.
 */
import type { Server } from 'node:http';
import { problemDocument } from '../shared/api/problem.ts';
import type { Exchange, Exchanges } from './exchanges.ts';
import { answerRaw } from './raw-problem.ts';

/** What a body was at the last look at which it moved. */
interface Progress {
  readonly bytes: number;
  readonly since: number;
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
  { open }: Exchanges,
  { idleMs, bytesMax }: SlowBodyLimits,
  onCutOff: (address: string) => void = () => {},
): void {
  const progress = new WeakMap<Exchange, Progress>();
  const isCut = new WeakSet<Exchange>();
  const end = (exchange: Exchange, detail: string): void => {
    isCut.add(exchange);
    onCutOff(exchange.address);
    cutOff(exchange, detail);
  };
  const standsStill = (exchange: Exchange): boolean => {
    const { bytesRead } = exchange.socket;
    const last = progress.get(exchange);
    // What has arrived and was not read yet is not the client's fault.
    const moves = bytesRead !== last?.bytes || exchange.request.readableLength > 0;
    if (moves) progress.set(exchange, { bytes: bytesRead, since: Date.now() });
    return !moves && Date.now() - last.since >= idleMs;
  };
  const look = (): void => {
    const incomplete = [...open].filter((one) => !one.request.complete && !isCut.has(one));
    let held = 0;
    for (const one of incomplete) {
      if (standsStill(one))
        end(one, `The rest of the body did not come within ${idleMs / 1000} s.`);
      else held += heldOf(one);
    }
    // In the order in which they began.
    for (const one of incomplete) {
      if (held <= bytesMax) return;
      if (isCut.has(one)) continue;
      held -= heldOf(one);
      end(one, 'Too many long bodies are on their way here at once, and this one is the oldest.');
    }
  };
  const timer = setInterval(look, Math.min(LOOK_MS, idleMs / 4));
  timer.unref();
  server.once('close', () => clearInterval(timer));
}

const heldOf = ({ socket, bytesBefore }: Exchange): number =>
  Math.min(HELD_BYTES_MAX, socket.bytesRead - bytesBefore);

/** Answers 408 (RFC 9110 §15.5.9) where nothing was answered yet, and closes the connection. */
function cutOff({ socket, response }: Exchange, detail: string): void {
  if (response.headersSent) {
    socket.destroy();
    return;
  }
  answerRaw(socket, problemDocument('request-timeout', detail));
}
