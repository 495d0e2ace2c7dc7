/**
 * A node's consensus keys: one, or the old and the new one while it is rotated. They sign 32-byte
 * statement digests with ES256 (the digest is the message: ECDSA P-256 over its SHA-256) and nothing
 * else; `shared/consensus/safety.ts` decides which, the epoch's validator set by which key.
 *
 * The law: `sign` answers 64 bytes r‖s or throws a fault. It may answer late, twice with different
 * bytes, or after its caller gave up: all harmless, because the statement was saved before. It throws
 * for a key that it does not hold.
 */
import type { PublicJwk } from '../bytes/crypto.ts';

export interface Signer {
  holds(key: PublicJwk): boolean;
  sign(digest: Uint8Array, key: PublicJwk): Promise<Uint8Array>;
  /** Why this node's keys can't be used at present, where somebody else keeps them; undefined where they can. */
  fault?(): Promise<string | undefined>;
}
