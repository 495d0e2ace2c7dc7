/** Serves an app on a port of this machine, with a plain sentence for a port that can't be had. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { Logger } from 'pino';
import { PROBLEMS } from '../shared/api/problem.ts';
import {
  boundConnections,
  CONNECTION_LIMITS,
  type ConnectionLimits,
  withinOpenFiles,
} from './connections.ts';
import { type Exchanges, exchangesOf } from './exchanges.ts';
import type { Door } from './peer-door.ts';
import { answerClientErrors } from './raw-problem.ts';
import { cutOffSlowBodies } from './slow-bodies.ts';
import { cutOffSlowReaders } from './slow-readers.ts';
import { sparingly } from './sparing-log.ts';
import { UserError } from './user-error.ts';

export interface Listening {
  readonly url: string;
  /** The requests that are under way now; a call of what it answers cuts off those that still are. */
  underWay(): () => void;
  /** Takes no more requests; resolves when those under way have ended, or were cut off. */
  close(): Promise<void>;
}

type Fetch = (request: Request) => Response | Promise<Response>;

/** Requests under way get this long when a server closes. */
const CLOSE_MS = 2000;
/** A request's headers have to be there after this long; its body may stand still for so long. */
const HEADERS_MS = 10_000;
const BODY_IDLE_MS = 20_000;
/** An answer of which nothing is taken for so long is given up. */
const READER_IDLE_MS = 20_000;
const BYTES_MAX = 256 * 1024 * 1024;
/** The whole of a request, which may be a long batch, and how long a connection waits for the next one. */
const REQUEST_MS = 300_000;
const KEEP_ALIVE_MS = 5000;

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  readonly bodyIdleMs?: number;
  readonly headersMs?: number;
  readonly readerIdleMs?: number;
  /** Bytes of all bodies on their way in, and of all answers on their way out. */
  readonly bytesMax?: number;
  readonly connections?: ConnectionLimits | undefined;
  /** Asked first, of each request. */
  readonly door?: Door;
  readonly log?: Pick<Logger, 'warn'>;
}

/** Starts listening; throws a `UserError` where the port is in use or not allowed. */
export async function listen(fetch: Fetch, options: ListenOptions): Promise<Listening> {
  const { host, port, bodyIdleMs = BODY_IDLE_MS, headersMs = HEADERS_MS, log } = options;
  const { readerIdleMs = READER_IDLE_MS, bytesMax = BYTES_MAX } = options;
  const serverOptions = {
    headersTimeout: headersMs,
    connectionsCheckingInterval: headersMs / 4,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const { door = () => false } = options;
  const answer = getRequestListener(fetch, { hostname: host });
  const server = createServer(serverOptions, (request, response) => {
    if (!door(request, response)) void answer(request, response);
  });
  const exchanges = exchangesOf(server);
  answerClientErrors(server, exchanges, headersMs);
  const limits = withinOpenFiles(options.connections ?? CONNECTION_LIMITS);
  const warn = sparingly((fields, message) => log?.warn(fields, message));
  const say = (message: string, address: string, more: object = {}): void =>
    warn(`${message} ${address}`, { address, ...more }, message);
  boundConnections(server, exchanges, limits, (about) =>
    say('connections-at-limit', about.address, { ...about, ...limits }),
  );
  cutOffSlowBodies(server, exchanges, { idleMs: bodyIdleMs, bytesMax }, (address) =>
    say('body-cut-off', address),
  );
  cutOffSlowReaders(server, exchanges, { idleMs: readerIdleMs, bytesMax }, (address, bytes) =>
    say('answer-not-read', address, { bytes }),
  );
  sayOfLargeBodies(exchanges, (address, path) => say('body-too-large', address, { path }));
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (error: NodeJS.ErrnoException) => reject(refusal(error, host, port)));
    server.listen(port, host);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    underWay: requestsUnderWay(exchanges),
    close: () =>
      new Promise((resolve) => {
        const cutOff = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
        server.close(() => {
          clearTimeout(cutOff);
          resolve();
        });
        server.closeIdleConnections();
      }),
  };
}

const requestsUnderWay =
  ({ open }: Exchanges): Listening['underWay'] =>
  () => {
    const begun = [...open];
    return () => {
      for (const exchange of begun) if (open.has(exchange)) exchange.response.destroy();
    };
  };

function sayOfLargeBodies(
  exchanges: Exchanges,
  say: (address: string, path: string) => void,
): void {
  const { status } = PROBLEMS['payload-too-large'];
  exchanges.watch({
    end({ request: { url = '' }, response, address }) {
      if (response.statusCode === status) say(address, url.split('?')[0]!.slice(0, 200));
    },
  });
}

function refusal(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code === 'EADDRINUSE') {
    return new UserError(
      `Port ${port} on ${host} is in use: stop what uses it, or choose another port.`,
    );
  }
  if (error.code === 'EACCES' || error.code === 'EADDRNOTAVAIL') {
    return new UserError(`This process may not listen on ${host}, port ${port} (${error.code}).`);
  }
  return error;
}
