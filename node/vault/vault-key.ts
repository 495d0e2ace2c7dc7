/**
 * A member's vault key: a P-256 key, to whose public half others encrypt values for this member, and from whose private
 * half the key is derived that wraps each record's own. Must never leave the process in clear.
 */
import { hkdfSync, type KeyObject } from 'node:crypto';
import { jwkThumbprint, type PublicJwk } from '../../shared/bytes/crypto.ts';
import { fromBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { publicJwkOf } from '../key-file.ts';

export interface VaultKey {
  /** The thumbprint of its public half (RFC 7638). */
  readonly id: string;
  readonly jwk: PublicJwk;
  readonly privateKey: KeyObject;
  /** 32 bytes that wrap the keys of records. */
  readonly wrapping: Uint8Array;
}

const WRAPPING = 'fuqi/v1/vault-wrapping';
const WRAPPING_BYTES = 32;

/** The vault key of a private key; the wrapping key is HKDF-SHA-256 (RFC 5869) of its scalar. */
export function vaultKeyOf(privateKey: KeyObject): VaultKey {
  const jwk = publicJwkOf(privateKey);
  const { d } = privateKey.export({ format: 'jwk' });
  const scalar = fromBase64Url(d!)!;
  const derived = hkdfSync('sha256', scalar, new Uint8Array(), utf8(WRAPPING), WRAPPING_BYTES);
  return { id: jwkThumbprint(jwk), jwk, privateKey, wrapping: new Uint8Array(derived) };
}
