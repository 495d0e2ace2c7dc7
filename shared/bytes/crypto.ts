/**
 * The only door to `node:crypto` for the core: SHA-256 and ECDSA P-256 verification.
 * Promises pure, synchronous functions. Must not grow randomness, clocks or private keys:
 * signing is a port (`shared/ports/signer.ts`).
 */
import { createHash, createPublicKey, hash, type KeyObject, verify } from 'node:crypto';
import { derSignature } from './der-signature.ts';

/** SHA-256 (FIPS 180-4) of the bytes, as 64 lowercase hex characters. */
export const sha256Hex = (bytes: Uint8Array): string => hash('sha256', bytes, 'hex');

/** SHA-256 (FIPS 180-4) of the bytes, as 32 characters of one byte each: a third of what 32 bytes take to make. */
export const sha256Latin1 = (bytes: Uint8Array): string => hash('sha256', bytes, 'binary');

/** SHA-256 (FIPS 180-4) of the bytes, as 32 bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

/** SHA-256 of bytes that come one after the other. */
export function runningSha256(): { add(bytes: Uint8Array): void; hex(): string } {
  const running = createHash('sha256');
  return {
    add(bytes) {
      running.update(bytes);
    },
    hex: () => running.digest('hex'),
  };
}

/** A public P-256 key as a JWK (RFC 7517); coordinates are base64url without padding. */
export interface PublicJwk {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** The JWK SHA-256 thumbprint (RFC 7638), base64url: the name of a key everywhere. */
export function jwkThumbprint({ crv, kty, x, y }: PublicJwk): string {
  return hash('sha256', JSON.stringify({ crv, kty, x, y }), 'base64url');
}

// Importing a key costs more than checking a signature with it, and keys are few.
const importedKeys = new Map<string, KeyObject>();
const IMPORTED_KEYS_MAX = 20_000;

/**
 * Imports a public key, or answers undefined when the JWK is not a point on P-256 or a coordinate is
 * not strict base64url of 32 bytes (RFC 7518 §6.2.1.2): a key spelled in two ways would have two
 * thumbprints, and pass for two keys. Results are memoised; the function stays pure as seen from
 * outside.
 */
export function importPublicKey(jwk: PublicJwk): KeyObject | undefined {
  const name = `${jwk.x}.${jwk.y}`;
  const known = importedKeys.get(name);
  if (known) return known;
  try {
    const { x, y } = jwk;
    if (!isCoordinate(x) || !isCoordinate(y)) return undefined;
    const key = createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
    if (importedKeys.size >= IMPORTED_KEYS_MAX) importedKeys.clear();
    importedKeys.set(name, key);
    return key;
  } catch {
    return undefined;
  }
}

function isCoordinate(text: string): boolean {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length === 32 && bytes.toString('base64url') === text;
}

/**
 * Verifies an ES256 signature (RFC 7518 §3.4: ECDSA P-256, SHA-256, 64 bytes r‖s) over `message`.
 * Answers false, never throws, for a signature or a key of any other form.
 */
export function verifyEs256(jwk: PublicJwk, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const key = importPublicKey(jwk);
  if (!key) return false;
  // Given the key alone, and so the DER form, the call takes a quarter less time.
  return verify('sha256', message, key, derSignature(signature));
}
