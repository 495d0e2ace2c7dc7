/**
 * ECDSA signatures on P-256 in two forms: the 64 bytes r‖s of JOSE (RFC 7518 §3.4), which stand everywhere in
 * this system, and DER (RFC 3279 §2.2.3), which KMS and OpenSSL have.
 */

const COORDINATE_BYTES = 32;
const SEQUENCE = 0x30;
const INTEGER = 0x02;

/** The 64 bytes r‖s of a DER signature on P-256. Throws where it is none, or not in its one form (X.690 §8.3.2). */
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
    // A number with its highest bit set has a zero byte before it, and no other has.
    if (number[0]! > 0x7f || length === 0) throw new Error('not a DER signature');
    if (number[0] === 0 && length > 1) {
      if (number[1]! <= 0x7f) throw new Error('not a DER signature');
      number = number.subarray(1);
    }
    if (number.length > COORDINATE_BYTES) throw new Error('not a signature on P-256');
    raw.set(number, end - number.length);
    at += 2 + length;
  }
  if (at !== der.length) throw new Error('not a DER signature');
  return raw;
}

/** The DER form of 64 bytes r‖s. Any other length throws; what the numbers are is the verifier's business. */
export function derSignature(raw: Uint8Array): Uint8Array {
  if (raw.length !== 2 * COORDINATE_BYTES) throw new Error('not a signature on P-256');
  const r = start(raw, 0);
  const s = start(raw, COORDINATE_BYTES);
  const rLength = COORDINATE_BYTES - r + sign(raw, r);
  const sLength = 2 * COORDINATE_BYTES - s + sign(raw, s);
  // From a pool, which is not zeroed: each byte is written.
  const der = Buffer.allocUnsafe(6 + rLength + sLength);
  der[0] = SEQUENCE;
  der[1] = 4 + rLength + sLength;
  der[2] = INTEGER;
  der[3] = rLength;
  der[4] = 0;
  der.set(raw.subarray(r, COORDINATE_BYTES), 4 + sign(raw, r));
  der[4 + rLength] = INTEGER;
  der[5 + rLength] = sLength;
  der[6 + rLength] = 0;
  der.set(raw.subarray(s), 6 + rLength + sign(raw, s));
  return der;
}

/** Where a number begins without its leading zeros; zero itself has one. */
function start(raw: Uint8Array, from: number): number {
  let at = from;
  while (raw[at] === 0 && at < from + COORDINATE_BYTES - 1) at++;
  return at;
}

/** One where the number needs a zero byte before it, to be positive. */
const sign = (raw: Uint8Array, at: number): number => raw[at]! >> 7;
