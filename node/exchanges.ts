/**
 * A server's exchanges: requests that are not answered to the end. Kept once, for all who watch over them: a listener of
 * each watcher's own for each request and each answer took a thirtieth of what a transaction takes.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** A request with its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly socket: Socket;
  /** Whose it is; a socket that is closed does not know it any more. */
  readonly address: string;
  /** What the socket had read when it began. */
  readonly bytesBefore: number;
}

/** Told of each exchange, before the request is answered and after that has ended. */
export interface ExchangeWatcher {
  begin?(exchange: Exchange): void;
  end?(exchange: Exchange): void;
}

export interface Exchanges {
  /** Those under way, in the order in which they began. */
  readonly open: ReadonlySet<Exchange>;
  watch(watcher: ExchangeWatcher): void;
}

/** Keeps a server's exchanges from now on. */
export function exchangesOf(server: Server): Exchanges {
  const open = new Set<Exchange>();
  const watchers: ExchangeWatcher[] = [];
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    const { remoteAddress: address = '', bytesRead: bytesBefore } = socket;
    const exchange = { request, response, socket, address, bytesBefore };
    open.add(exchange);
    for (const watcher of watchers) watcher.begin?.(exchange);
    response.once('close', () => {
      open.delete(exchange);
      for (const watcher of watchers) watcher.end?.(exchange);
    });
  });
  return { open, watch: (watcher) => void watchers.push(watcher) };
}
