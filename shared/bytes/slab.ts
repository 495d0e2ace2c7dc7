/**
 * Memory for small byte strings that live shortly: what is encoded to be hashed, sent or stored. Each with
 * memory of its own would cost more to allocate and to free than to fill. Whoever keeps one for long keeps
 * its neighbours with it, and copies it instead.
 */

const SLAB_BYTES = 32 * 1024;
/** Larger ones have memory of their own. */
const SHARED_BYTES_MAX = 2048;

let slab = new ArrayBuffer(SLAB_BYTES);
let used = 0;

/** A copy of the first `length` bytes. */
export function shortLivedCopy(bytes: Uint8Array, length: number): Uint8Array {
  if (length > SHARED_BYTES_MAX) return new Uint8Array(bytes.subarray(0, length));
  if (used + length > SLAB_BYTES) {
    slab = new ArrayBuffer(SLAB_BYTES);
    used = 0;
  }
  const copy = new Uint8Array(slab, used, length);
  used += length;
  copy.set(length === bytes.length ? bytes : bytes.subarray(0, length));
  return copy;
}
