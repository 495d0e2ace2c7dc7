/** Serves an app on a port of this machine, with a plain sentence for a port that can't be had. */
import type { AddressInfo } from 'node:net';
import { type ServerType, serve } from '@hono/node-server';
import { UserError } from './user-error.ts';

export interface Listening {
  readonly url: string;
  /** Takes no more requests; resolves when those under way have ended, or were cut off. */
  close(): Promise<void>;
}

type Fetch = (request: Request) => Response | Promise<Response>;

/** Requests under way get this long when a server closes. */
const CLOSE_MS = 2000;

/** Starts listening; throws a `UserError` where the port is in use or not allowed. */
export async function listen(
  fetch: Fetch,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<Listening> {
  const server = serve({ fetch, hostname: host, port }) as ServerType & {
    closeAllConnections?(): void;
    closeIdleConnections?(): void;
  };
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', (error: NodeJS.ErrnoException) => reject(refusal(error, host, port)));
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    close: () =>
      new Promise((resolve) => {
        const cutOff = setTimeout(() => server.closeAllConnections?.(), CLOSE_MS);
        server.close(() => {
          clearTimeout(cutOff);
          resolve();
        });
        server.closeIdleConnections?.();
      }),
  };
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
