/**
 * A node's consensus key. It signs 32-byte statement digests with ES256 (the digest is the message:
 * ECDSA P-256 over its SHA-256) and nothing else; `shared/consensus/safety.ts` decides which.
 *
 * The law: `sign` answers 64 bytes r‖s or throws a fault. It may answer late, twice with different
 * bytes, or after its caller gave up: all harmless, because the statement was saved before.
 */
import type { PublicJwk } from '../bytes/crypto.ts';

export interface Signer {
  readonly publicKey: PublicJwk;
  sign(digest: Uint8Array): Promise<Uint8Array>;
}
