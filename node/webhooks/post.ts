/**
 * Posts to URLs that a member's administrator chose, from a place that may reach more than the administrator: nothing
 * goes to addresses that are not public unless the node's operator allows them. The address is checked that the
 * connection is made to, after the name was resolved, so a name that changes in between gets nowhere. No redirect
 * is followed.
 */
import dns from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** What was under way when its sender was closed: it says nothing of the endpoint. */
export class PostClosed extends Error {}

/** Sends a body; answers the HTTP status, and throws an Error that says why there is none, or `PostClosed`. */
export type Post = (
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
) => Promise<number>;

export interface WebhookPost {
  readonly post: Post;
  /** Why a URL is never posted to, as far as it shows without a look-up. */
  refuses(url: string): string | undefined;
  /** Ends what is under way. */
  close(): void;
}

export interface PostOptions {
  /** Ranges (CIDR) that may be called though they are not public; plain HTTP is for them only. */
  readonly allowed: readonly string[];
  /** An endpoint takes an event within this, or it failed; 10 seconds unless told. */
  readonly timeoutMs?: number;
  /** Resolves names; the system's unless told. */
  readonly resolve?: typeof dns.lookup;
}

/** An attempt takes this long at the most. */
export const ATTEMPT_MS = 10_000;
const [GLOBAL_UNICAST, GLOBAL_BITS] = ipaddr.parseCIDR('2000::/3');
const NOT_PUBLIC = 'its address is not public, and the node’s operator allows no others';

/** What posts webhooks; it keeps connections, until it is closed. */
export function webhookPost({
  allowed,
  timeoutMs = ATTEMPT_MS,
  resolve = dns.lookup,
}: PostOptions): WebhookPost {
  let isClosed = false;
  const ranges = allowed.map((range) => ipaddr.parseCIDR(range));
  const isAllowed = (text: string): boolean => {
    // An IPv4 address inside an IPv6 one is that IPv4 address.
    const address = ipaddr.process(text);
    return ranges.some(([range, bits]) => {
      return address.kind() === range.kind() && address.match(range, bits);
    });
  };
  const isPublic = (text: string): boolean => {
    const address = ipaddr.process(text);
    // Of IPv6 only this block is given out (RFC 4291 §2.4); what lies outside may stand for an IPv4 address.
    const isGlobal = address.kind() === 'ipv4' || address.match(GLOBAL_UNICAST, GLOBAL_BITS);
    return isGlobal && address.range() === 'unicast';
  };

  const lookupFor =
    (mayBe: (address: string) => boolean): LookupFunction =>
    (hostname, options, callback) => {
      resolve(hostname, { ...options, all: true }, (error, found) => {
        if (error) return callback(error, []);
        const addresses = found.filter(({ address }) => mayBe(address));
        const [first] = addresses;
        if (!first) return callback(new Error(NOT_PUBLIC), []);
        if (options.all) callback(null, addresses);
        else callback(null, first.address, first.family);
      });
    };
  const keepAlive = true;
  const agents = {
    'https:': new https.Agent({
      keepAlive,
      lookup: lookupFor((address) => isPublic(address) || isAllowed(address)),
    }),
    'http:': new http.Agent({ keepAlive, lookup: lookupFor(isAllowed) }),
  };

  /** A name is judged where it is resolved; an address in the URL is never looked up. */
  function refuses(text: string): string | undefined {
    const url = new URL(text);
    if (url.username !== '' || url.password !== '') return 'expected no user name in it';
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    const isHttp = url.protocol === 'http:';
    if (!ipaddr.isValid(host)) return isHttp && ranges.length === 0 ? 'expected https' : undefined;
    if (isAllowed(host)) return undefined;
    return isHttp ? 'expected https' : isPublic(host) ? undefined : NOT_PUBLIC;
  }

  const attempt = (text: string, headers: Readonly<Record<string, string>>, body: string) =>
    new Promise<number | 'stale'>((resolved, rejected) => {
      const url = new URL(text);
      const isHttp = url.protocol === 'http:';
      const request = (isHttp ? http : https).request(url, {
        method: 'POST',
        headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
        agent: agents[isHttp ? 'http:' : 'https:'],
        signal: AbortSignal.timeout(timeoutMs),
      });
      request.on('response', (response) => {
        // What it says besides is nobody's; a long answer ends with the time that it has.
        response.on('error', () => {});
        response.resume();
        resolved(response.statusCode!);
      });
      request.on('error', (error) => {
        if (isClosed) rejected(new PostClosed());
        else if (request.reusedSocket && isReset(error)) resolved('stale');
        else rejected(new Error(reasonOf(error, timeoutMs)));
      });
      request.end(body);
    });

  const post: Post = async (...call) => {
    for (;;) {
      if (isClosed) throw new PostClosed();
      const why = refuses(call[0]);
      if (why !== undefined) throw new Error(why);
      // A kept connection may have been closed by the other side meanwhile: that says nothing of a new one.
      const answer = await attempt(...call);
      if (answer !== 'stale') return answer;
    }
  };

  return {
    post,
    refuses,
    close() {
      isClosed = true;
      for (const agent of Object.values(agents)) agent.destroy();
    },
  };
}

const isReset = (error: NodeJS.ErrnoException): boolean =>
  error.code === 'ECONNRESET' || error.code === 'EPIPE';

/** Why there was no answer, in words that show nothing of the network behind. */
function reasonOf(error: Error, timeoutMs: number): string {
  if (error.message === NOT_PUBLIC) return NOT_PUBLIC;
  if (error.name === 'TimeoutError' || error.name === 'AbortError') {
    return `no answer within ${timeoutMs / 1000} seconds`;
  }
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? 'the connection failed' : `the connection failed (${code})`;
}
