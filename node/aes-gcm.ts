/**
 * Sealing by AES-256-GCM (NIST SP 800-38D) under a key of 32 bytes: a fresh 96-bit IV, the ciphertext, a 128-bit tag.
 * What is sealed for one purpose opens for no other. A key seals 2^32 times at the most (§8.3).
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { utf8 } from '../shared/bytes/text.ts';

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Seals bytes for a purpose. */
export function sealBytes(key: Uint8Array, purpose: string, bytes: Uint8Array): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv);
  cipher.setAAD(utf8(purpose));
  return Buffer.concat([iv, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** Opens what was sealed for a purpose; throws where it was changed, or sealed for another or by another key. */
export function unsealBytes(key: Uint8Array, purpose: string, sealed: Uint8Array): Buffer {
  const tagAt = sealed.length - TAG_BYTES;
  if (tagAt < IV_BYTES) throw new Error('too few bytes to be sealed');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(utf8(purpose));
  decipher.setAuthTag(sealed.subarray(tagAt));
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, tagAt)), decipher.final()]);
}
