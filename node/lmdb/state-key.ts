/**
 * Keys of versioned values: UTF-8 of the state key ‖ 0x00 ‖ 8 bytes big-endian (2^53−1 − height).
 * State keys hold no NUL, so entries stand in the order of the keys' bytes, and the versions of a
 * key from the newest to the oldest: the first entry at or after a versioned key answers a read.
 */

const VERSION_BYTES = 8;

/** The entry of a key at a height; a read of the newest value up to that height starts there. */
export function versionedKey(key: string, height: number): Buffer {
  const length = Buffer.byteLength(key);
  const bytes = Buffer.allocUnsafe(length + 1 + VERSION_BYTES);
  bytes.write(key, 0, 'utf8');
  bytes[length] = 0;
  writeVersion(bytes, height);
  return bytes;
}

/** The same key at another height. */
export function atHeight(versioned: Uint8Array, height: number): Buffer {
  const bytes = Buffer.from(versioned);
  writeVersion(bytes, height);
  return bytes;
}

/** Where the key after this one starts, whatever it is. */
export function afterKey(versioned: Uint8Array): Buffer {
  const bytes = Buffer.from(versioned.subarray(0, versioned.length - VERSION_BYTES));
  bytes[bytes.length - 1] = 1;
  return bytes;
}

/**
 * Where the entries of the keys from this text on start. A text with a NUL stands between a key and
 * all longer ones: `key + NUL` is what a reader goes on from after a key.
 */
export function boundOf(text: string): Buffer {
  const nul = text.indexOf('\0');
  // A zero byte stands before every key; LMDB has no empty keys.
  if (text === '' || nul === 0) return Buffer.of(0);
  return nul < 0 ? Buffer.from(text) : Buffer.from(`${text.slice(0, nul)}\u0001`);
}

/** Whether two entries are versions of one key. */
export const sameKey = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length &&
  Buffer.compare(
    a.subarray(0, a.length - VERSION_BYTES),
    b.subarray(0, b.length - VERSION_BYTES),
  ) === 0;

/** The state key of an entry. */
export const keyOf = (versioned: Uint8Array): string =>
  Buffer.from(
    versioned.buffer,
    versioned.byteOffset,
    versioned.length - VERSION_BYTES - 1,
  ).toString('utf8');

/** The height of an entry. */
export function heightOf(versioned: Uint8Array): number {
  const view = new DataView(versioned.buffer, versioned.byteOffset, versioned.byteLength);
  const at = versioned.length - VERSION_BYTES;
  return Number.MAX_SAFE_INTEGER - (view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4));
}

function writeVersion(bytes: Buffer, height: number): void {
  const version = Number.MAX_SAFE_INTEGER - height;
  bytes.writeUInt32BE(Math.floor(version / 2 ** 32), bytes.length - VERSION_BYTES);
  bytes.writeUInt32BE(version % 2 ** 32, bytes.length - VERSION_BYTES + 4);
}
