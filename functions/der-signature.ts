/** An ECDSA signature as KMS gives it (DER, RFC 3279 §2.2.3) as JOSE has it (RFC 7518 §3.4). */

const COORDINATE_BYTES = 32;
const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** The 64 bytes r‖s of a DER signature on P-256. Throws where it is none. */
export function rawSignature(der: Uint8Array): Uint8Array {
  if (der[0] !== SEQUENCE || der[1] !== der.length - 2) throw new Error('not a DER signature');
  const raw = new Uint8Array(2 * COORDINATE_BYTES);
  let at = 2;
  for (const end of [COORDINATE_BYTES, 2 * COORDINATE_BYTES]) {
    const length = der[at + 1];
    if (der[at] !== INTEGER || length === undefined || at + 2 + length > der.length) {
      throw new Error('not a DER signature');
    }
    let number = der.subarray(at + 2, at + 2 + length);
    // A number with its highest bit set has a zero byte before it.
    if (number[0] === 0) number = number.subarray(1);
    if (number.length > COORDINATE_BYTES) throw new Error('not a signature on P-256');
    raw.set(number, end - number.length);
    at += 2 + length;
  }
  if (at !== der.length) throw new Error('not a DER signature');
  return raw;
}
