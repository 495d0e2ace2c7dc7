/** A message to the node of a member elsewhere, over HTTPS: in another account, or on its own machine. */
import { boundedFetch } from '../../node/bounded-fetch.ts';
import { peerPath } from '../../shared/api/node-api.ts';

/** The largest reply: a page of catch-up blocks. */
const REPLY_BYTES_MAX = 4 * 1024 * 1024;

/** `POST <endpoint>/peer`, or `/peer/tidings`. Follows no redirect; throws where there is no answer in time, or too large a one. */
export async function postToEndpoint(
  endpoint: string,
  headers: Readonly<Record<string, string>>,
  body: Uint8Array,
  timeoutMs: number,
): Promise<{ readonly status: number; readonly reply: Uint8Array }> {
  const init = {
    method: 'POST',
    headers,
    body: body as Uint8Array<ArrayBuffer>,
    signal: AbortSignal.timeout(timeoutMs),
  };
  const response = await boundedFetch(`${endpoint}${peerPath(body)}`, init, REPLY_BYTES_MAX);
  return { status: response.status, reply: new Uint8Array(await response.arrayBuffer()) };
}
