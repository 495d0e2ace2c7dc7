/**
 * The `Peers` port over any way to POST a message to another member's node: adds the short-lived token
 * that says who asks, renews it in time, and tries the next key while the peer key is rotated.
 */
import type { KeyObject } from 'node:crypto';
import type { Digest } from '../shared/bytes/digest.ts';
import type { Peers } from '../shared/ports/peers.ts';
import { issuePeerToken, PEER_TOKEN_MS } from './peer-token.ts';
import { requestHeaders } from './request-context.ts';

export const CBOR_TYPE = 'application/cbor';

/** One request to a member's `/peer`, with these headers. Throws where there is no answer. */
export type PostToPeer = (
  member: string,
  headers: Readonly<Record<string, string>>,
  message: Uint8Array,
  /** Where false, the message is handed over and the reply is not waited for. */
  waits: boolean,
) => Promise<{ readonly status: number; readonly reply: Uint8Array }>;

export interface TokenPeersOptions {
  /** This node's member, and the ledger that it speaks about. */
  readonly member: string;
  readonly ledger: Digest;
  /** The member's peer key, and its successor while it is rotated: sign tokens. */
  readonly keys: readonly [KeyObject, ...KeyObject[]];
  readonly now: () => number;
  readonly post: PostToPeer;
  /** Whether `post` can hand a message over without waiting for its reply. */
  readonly tells?: boolean;
}

/** Opens the client side. */
export function tokenPeers(options: TokenPeersOptions): Peers {
  const { member: caller, ledger, keys, now, post, tells = false } = options;
  const tokens = new Map<string, { readonly token: string; readonly renewAt: number }>();
  /** Which of the keys each member took last: one that is behind may still know the old one only. */
  const accepted = new Map<string, number>();

  function tokenFor(audience: string): string {
    const key = keys[accepted.get(audience) ?? 0]!;
    const time = now();
    const known = tokens.get(audience);
    // A clock that was set back must not keep an old token alive either.
    if (known && time < known.renewAt && known.renewAt - time <= PEER_TOKEN_MS) return known.token;
    const token = issuePeerToken({ key, member: caller, audience, ledger, now: time });
    tokens.set(audience, { token, renewAt: time + PEER_TOKEN_MS / 2 });
    return token;
  }

  async function postWithToken(member: string, message: Uint8Array, waits = true) {
    for (let attempt = 1; ; attempt++) {
      const headers = {
        ...requestHeaders(),
        authorization: `Bearer ${tokenFor(member)}`,
        'content-type': CBOR_TYPE,
      };
      const { status, reply } = await post(member, headers, message, waits);
      if (status === 200) return reply;
      if (status !== 401 || attempt === keys.length) {
        throw new Error(`it answered with status ${status}`);
      }
      accepted.set(member, ((accepted.get(member) ?? 0) + 1) % keys.length);
      tokens.delete(member);
    }
  }

  return {
    async request(member, message) {
      try {
        return await postWithToken(member, message);
      } catch (cause) {
        throw new Error(`no reply from member ${member}: ${(cause as Error).message}`, { cause });
      }
    },
    ...(tells && {
      async tell(member: string, message: Uint8Array) {
        await postWithToken(member, message, false);
      },
    }),
  };
}
