/**
 * The token that a request to another member's node carries: a short-lived JWT (RFC 7519, ES256)
 * signed by the caller's peer key, for one ledger and one receiver. It says who asks, no more:
 * what a message claims is proved by the message's own signatures.
 */
import type { KeyObject } from 'node:crypto';
import { z } from 'zod';
import { type PublicJwk, verifyEs256 } from '../shared/bytes/crypto.ts';
import type { Digest } from '../shared/bytes/digest.ts';
import { parseCompactJws, parseJsonPart, signingInput } from '../shared/bytes/jws.ts';
import { toBase64Url, utf8 } from '../shared/bytes/text.ts';
import { signCompactJws } from './key-file.ts';

/** How long a token is good for, milliseconds; callers renew it at half of that. */
export const PEER_TOKEN_MS = 60_000;

// Members' clocks differ; a token may look this much too new or too old.
const CLOCK_SKEW_MS = 30_000;
const TOKEN_CHARACTERS_MAX = 2048;
const REMEMBERED_MAX = 1024;

const TYPE = 'fuqi-peer+jwt';
const HEADER = toBase64Url(utf8(JSON.stringify({ alg: 'ES256', typ: TYPE })));

const claimsSchema = z.object({
  iss: z.string().min(1),
  aud: z.string(),
  ledger: z.string(),
  iat: z.int().nonnegative(),
  exp: z.int().nonnegative(),
});
type Claims = z.infer<typeof claimsSchema>;

/** Issues a token from one member to another; `now` is milliseconds since 1970. */
export function issuePeerToken(options: {
  readonly key: KeyObject;
  readonly member: string;
  readonly audience: string;
  readonly ledger: Digest;
  readonly now: number;
}): string {
  const { key, member, audience, ledger, now } = options;
  const iat = Math.floor(now / 1000);
  const claims: Claims = {
    iss: member,
    aud: audience,
    ledger,
    iat,
    exp: iat + PEER_TOKEN_MS / 1000,
  };
  return signCompactJws(key, HEADER, claims);
}

/** What a receiver knows when it checks tokens. */
export interface PeerTokenCheck {
  readonly ledger: Digest;
  /** The receiving member. */
  readonly audience: string;
  /**
   * The peer keys of a member: its own, and that of a node that it moves to. None where there is no such
   * member.
   */
  readonly keysOf: (member: string) => readonly PublicJwk[];
}

/** The member who issued a token that is good at `now`; otherwise undefined. */
export function verifyPeerToken(
  check: PeerTokenCheck & { readonly token: string; readonly now: number },
): string | undefined {
  const claims = signedClaims(check.token, check.keysOf)?.claims;
  return claims && isGood(claims, check, check.now) ? claims.iss : undefined;
}

/**
 * A checker that verifies each token's signature once: a caller sends the same token for half a
 * minute. A remembered token dies with its time, or when its issuer's key changes.
 */
export function peerTokenVerifier(
  check: PeerTokenCheck & { readonly now: () => number },
): (token: string) => string | undefined {
  const remembered = new Map<string, SignedClaims>();
  return (token) => {
    const now = check.now();
    const known = remembered.get(token);
    if (known && isGood(known.claims, check, now) && isKeyOf(known, check)) {
      return known.claims.iss;
    }
    remembered.delete(token);
    const signed = signedClaims(token, check.keysOf);
    if (!signed || !isGood(signed.claims, check, now)) return undefined;
    if (remembered.size >= REMEMBERED_MAX) remembered.clear();
    remembered.set(token, signed);
    return signed.claims.iss;
  };
}

interface SignedClaims {
  readonly claims: Claims;
  readonly key: PublicJwk;
}

const isKeyOf = ({ claims, key }: SignedClaims, { keysOf }: PeerTokenCheck): boolean =>
  keysOf(claims.iss).some(({ x, y }) => x === key.x && y === key.y);

function isGood(claims: Claims, { ledger, audience }: PeerTokenCheck, now: number): boolean {
  const issued = claims.iat * 1000;
  const expires = claims.exp * 1000;
  return (
    claims.aud === audience &&
    claims.ledger === ledger &&
    expires - issued <= PEER_TOKEN_MS &&
    issued - CLOCK_SKEW_MS <= now &&
    now < expires + CLOCK_SKEW_MS
  );
}

function signedClaims(token: string, keysOf: PeerTokenCheck['keysOf']): SignedClaims | undefined {
  if (token.length > TOKEN_CHARACTERS_MAX) return undefined;
  const jws = parseCompactJws(token);
  // One form of header only, so there is no algorithm to choose and no extension to understand.
  if (!jws || jws.signatures[0]!.protected !== HEADER) return undefined;
  const parsed = claimsSchema.safeParse(parseJsonPart(jws.payload));
  if (!parsed.success) return undefined;
  const signed = signingInput(jws, 0);
  const { signature } = jws.signatures[0]!;
  const key = keysOf(parsed.data.iss).find((one) => verifyEs256(one, signed, signature));
  return key && { claims: parsed.data, key };
}
