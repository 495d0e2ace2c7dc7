/**
 * Conversions between bytes and text: hex, base64url (strict, RFC 4648 §5 without padding), UTF-8.
 */

/** Lowercase hex of the bytes. */
export const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');

const HEX = /^(?:[0-9a-fA-F]{2})*$/;

/** Bytes of a hex text; throws on anything that is not an even number of hex digits. */
export function fromHex(text: string): Uint8Array {
  // Node takes a character for the digit that its lower byte is: U+0761 for "a".
  if (!HEX.test(text)) throw new Error('not a hex text');
  return Buffer.from(text, 'hex');
}

/** base64url without padding (RFC 4648 §5, RFC 7515 §2). */
export const toBase64Url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');

/**
 * Strict base64url: the text must be exactly what encoding the result gives back, so every byte
 * string has one text only (no padding, no stray bits, no other alphabet). Otherwise undefined.
 */
export function fromBase64Url(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

/** UTF-8 bytes of a text. */
export const utf8 = (text: string): Uint8Array => Buffer.from(text, 'utf8');

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Strict UTF-8 decoding; undefined where the bytes are not valid UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Order of the UTF-8 bytes, which differs from that of UTF-16 units beyond the basic plane. */
export const compareUtf8 = (a: string, b: string): number => Buffer.compare(utf8(a), utf8(b));

/** Byte-wise equality. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
