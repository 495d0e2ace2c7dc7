/**
 * Cuts off who asks for an answer and does not read it: what was written for it waits in this process's memory.
 * Streams are held back by their readers anyway; this bounds what is written already, of each and of all.
 */
import type { Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export interface SlowReaderLimits {
  /** How long an answer may wait without a byte being taken. */
  readonly idleMs: number;
  /** Bytes of all answers that wait; above it those that stand still go at once, the largest first. */
  readonly bytesMax: number;
}

interface Watched {
  readonly socket: Socket;
  waiting: number;
  since: number;
}

const LOOK_MS = 1000;

/** Watches a server's answers until it closes; `onCutOff` is told of each. */
export function cutOffSlowReaders(
  server: Server,
  { idleMs, bytesMax }: SlowReaderLimits,
  onCutOff: (address: string, bytes: number) => void = () => {},
): void {
  const watched = new Map<ServerResponse, Watched>();
  server.on('request', ({ socket }, response) => {
    watched.set(response, { socket, waiting: 0, since: Date.now() });
    response.once('close', () => watched.delete(response));
  });
  const cutOff = (response: ServerResponse, { socket, waiting }: Watched): void => {
    watched.delete(response);
    onCutOff(socket.remoteAddress ?? '', waiting);
    socket.destroy();
  };
  const look = (): void => {
    const now = Date.now();
    let sum = 0;
    const still: [ServerResponse, Watched][] = [];
    for (const [response, one] of watched) {
      const waiting = bytesWaiting(one.socket);
      const isStill = waiting > 0 && waiting === one.waiting;
      if (!isStill) one.since = now;
      one.waiting = waiting;
      if (isStill && now - one.since >= idleMs) cutOff(response, one);
      else {
        sum += waiting;
        if (isStill) still.push([response, one]);
      }
    }
    if (sum <= bytesMax) return;
    still.sort(([, a], [, b]) => b.waiting - a.waiting);
    for (const [response, one] of still) {
      if (sum <= bytesMax) return;
      sum -= one.waiting;
      cutOff(response, one);
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
