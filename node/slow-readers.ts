/**
 * Cuts off who asks for an answer and does not read it: what was written for it waits in this process's memory.
 * Streams are held back by their readers anyway; this bounds what is written already, of each and of all.
 */
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Exchange, Exchanges } from './exchanges.ts';

export interface SlowReaderLimits {
  /** How long an answer may wait without a byte being taken. */
  readonly idleMs: number;
  /** Bytes of all answers that wait; above it those that stand still go at once, the largest first. */
  readonly bytesMax: number;
}

/** What waited at the look at which it last changed. */
interface Waiting {
  readonly bytes: number;
  readonly since: number;
}

const LOOK_MS = 1000;

/** Watches a server's answers until it closes; `onCutOff` is told of each. */
export function cutOffSlowReaders(
  server: Server,
  { open }: Exchanges,
  { idleMs, bytesMax }: SlowReaderLimits,
  onCutOff: (address: string, bytes: number) => void = () => {},
): void {
  const watched = new WeakMap<Exchange, Waiting>();
  const cutOff = ({ socket, address }: Exchange, bytes: number): void => {
    onCutOff(address, bytes);
    socket.destroy();
  };
  const look = (): void => {
    const now = Date.now();
    let sum = 0;
    const still: [Exchange, number][] = [];
    for (const exchange of open) {
      if (exchange.socket.destroyed) continue;
      const bytes = bytesWaiting(exchange.socket);
      const last = watched.get(exchange);
      const isStill = bytes > 0 && bytes === last?.bytes;
      if (!isStill) watched.set(exchange, { bytes, since: now });
      if (isStill && now - last.since >= idleMs) cutOff(exchange, bytes);
      else {
        sum += bytes;
        if (isStill) still.push([exchange, bytes]);
      }
    }
    if (sum <= bytesMax) return;
    still.sort(([, a], [, b]) => b - a);
    for (const [exchange, bytes] of still) {
      if (sum <= bytesMax) return;
      sum -= bytes;
      cutOff(exchange, bytes);
    }
  };
  const timer = setInterval(look, Math.min(LOOK_MS, idleMs / 4));
  timer.unref();
  server.once('close', () => clearInterval(timer));
}

/** Bytes that wait; what is left of the piece that is being written counts once more, so that it shows it move. */
function bytesWaiting(socket: Socket): number {
  const { writableLength } = socket;
  const { _handle: handle } = socket as { _handle?: { writeQueueSize?: number } | null };
  const piece = handle?.writeQueueSize ?? 0;
  return writableLength > 0 ? writableLength + piece : 0;
}
