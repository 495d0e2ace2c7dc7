/**
 * Values with a checksum (CRC-32 of ISO 3309, as in zlib): LMDB keeps none, and would hand out a value
 * that the disk has changed. Guards against faulty disks, not attackers.
 */
import { crc32 } from 'node:zlib';

const CHECKSUM_BYTES = 4;

/** An encoder of LMDB-js: bytes in, bytes out. Decoding throws an Error where a value was changed. */
export const withChecksum = {
  encode(value: Uint8Array): Buffer {
    const stored = Buffer.allocUnsafe(value.length + CHECKSUM_BYTES);
    stored.set(value);
    stored.writeUInt32BE(crc32(value), value.length);
    return stored;
  },
  decode(stored: Uint8Array): Uint8Array {
    const { length } = stored;
    // LMDB-js uses the buffer again for the next read, and it may be longer than the value.
    const copy = Buffer.from(stored.buffer.slice(stored.byteOffset, stored.byteOffset + length));
    const end = length - CHECKSUM_BYTES;
    const value = copy.subarray(0, Math.max(0, end));
    if (end < 0 || crc32(value) !== copy.readUInt32BE(end)) {
      throw new Error(
        'The store is damaged (a value has changed on the disk): stop the node, check the disk, and restore a backup with ' +
          '“fuqi restore”, or start with an empty data folder: the node catches up from the others.',
      );
    }
    return value;
  },
};
