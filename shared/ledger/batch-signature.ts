/**
 * One ES256 signature of a key for many transactions at once: it is over the root of a Merkle tree
 * (RFC 9162 §2.1) whose leaves are their signing inputs (RFC 7515 §5.1). Each transaction carries it
 * with its own inclusion path, so that each is provable without the others.
 *
 * Bytes: r‖s (64) ‖ size (4, big-endian) ‖ index (4) ‖ path (32 each, lowest sibling first).
 */
import { type PublicJwk, verifyEs256 } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import { inclusionPaths, leafHash, rootFromPath } from '../bytes/merkle.ts';
import { utf8 } from '../bytes/text.ts';

/** The JWS `alg` of such a signature: a collision-resistant name of our own (RFC 7515 §4.1.1). */
export const BATCH_ALGORITHM = 'fuqi/v1/ES256-batch';

/** Transactions under one signature, at the most: ten siblings in a path. */
export const BATCH_SIGNATURE_MAX = 1024;

const HEAD_BYTES = 72;
const HASH_BYTES = 32;

/** What is signed for a batch. No base64url text, and so no JWS signing input, begins in this way. */
export const batchMessage = (size: number, root: Digest): Uint8Array =>
  utf8(`fuqi/v1/transaction-batch\0${size}\0${root}`);

/**
 * Signs the inputs with one signature; `sign` answers ES256 (64 bytes r‖s) over a message. Answers
 * a batch signature for each input, in order. Throws a RangeError for none, or for more than `BATCH_SIGNATURE_MAX`.
 */
export function signBatch(
  inputs: readonly Uint8Array[],
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array[] {
  const size = inputs.length;
  if (size === 0 || size > BATCH_SIGNATURE_MAX) throw new RangeError(`a batch of ${size}`);
  const { root, paths } = inclusionPaths(inputs.map(leafHash));
  const signature = sign(batchMessage(size, root));
  return paths.map((path, index) => {
    const bytes = Buffer.alloc(HEAD_BYTES + path.length * HASH_BYTES);
    bytes.set(signature);
    bytes.writeUInt32BE(size, 64);
    bytes.writeUInt32BE(index, 68);
    for (const [level, sibling] of path.entries()) {
      bytes.write(sibling, HEAD_BYTES + level * HASH_BYTES, HASH_BYTES, 'hex');
    }
    return bytes;
  });
}

// The transactions of a batch come one after the other: the first one's check is the others', too.
// Only good signatures are remembered, by all that they are of.
const checked = new Map<string, Uint8Array>();
const CHECKED_MAX = 2048;

/** Verifies a batch signature for one signing input; false, never an exception, for anything wrong. */
export function verifyBatchSignature(
  jwk: PublicJwk,
  input: Uint8Array,
  signature: Uint8Array,
): boolean {
  const hashes = (signature.length - HEAD_BYTES) / HASH_BYTES;
  if (!Number.isInteger(hashes) || hashes < 0) return false;
  const bytes = Buffer.from(signature.buffer, signature.byteOffset, signature.length);
  const size = bytes.readUInt32BE(64);
  const index = bytes.readUInt32BE(68);
  if (size > BATCH_SIGNATURE_MAX || index >= size) return false;
  const path = Array.from({ length: hashes }, (_, level) => {
    const from = HEAD_BYTES + level * HASH_BYTES;
    return bytes.toString('hex', from, from + HASH_BYTES) as Digest;
  });
  const root = rootFromPath({ leaf: leafHash(input), index, size, path });
  if (root === undefined) return false;
  const raw = bytes.subarray(0, 64);
  const name = `${jwk.x}.${jwk.y}.${size}.${root}`;
  const known = checked.get(name);
  if (known && raw.equals(known)) return true;
  if (!verifyEs256(jwk, batchMessage(size, root), raw)) return false;
  if (checked.size >= CHECKED_MAX) checked.delete(checked.keys().next().value!);
  checked.set(name, Uint8Array.from(raw));
  return true;
}
