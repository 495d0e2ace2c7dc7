/**
 * What a call about a payment needs that is random to everybody else: derived from the payment's own name and a secret of
 * whoever calls, so that each attempt is the same, and nobody connects what stands on the ledger with the name.
 */
import { createHmac } from 'node:crypto';

/** Bytes of a secret, at least. */
export const SECRET_BYTES = 32;

const hmac = (secret: Uint8Array, text: string): Buffer =>
  createHmac('sha256', secret).update(text).digest();

/** The id of a payment on the ledger: a UUID (RFC 9562, version 8). */
export function paymentId(secret: Uint8Array, payment: string): string {
  const bytes = hmac(secret, `payment ${payment}`).subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** The check code of its invoice: 20 digits; 128 bits give each of them the same chance but for 2^-61. */
export function checkCodeOf(secret: Uint8Array, payment: string): string {
  const value = BigInt(
    `0x${hmac(secret, `check code ${payment}`).subarray(0, 16).toString('hex')}`,
  );
  return (value % 10n ** 20n).toString().padStart(20, '0');
}
