/**
 * Values with a checksum (CRC-32 of ISO 3309, as in zlib): LMDB keeps none, and would hand out a value
 * that the disk has changed. Guards against faulty disks, not attackers.
 */
import { crc32 } from 'node:zlib';

const CHECKSUM_BYTES = 4;

/** A copy of bytes with their checksum behind them: as they are stored. */
export class Sealed {
  /** With the checksum. */
  readonly stored: Buffer;

  /** `before` goes before the bytes. */
  constructor(value: Uint8Array, before: Uint8Array = NOTHING) {
    const length = before.length + value.length;
    this.stored = Buffer.allocUnsafe(length + CHECKSUM_BYTES);
    this.stored.set(before);
    this.stored.set(value, before.length);
    this.stored.writeUInt32BE(crc32(this.value), length);
  }

  /** Without it. */
  get value(): Uint8Array {
    return this.stored.subarray(0, -CHECKSUM_BYTES);
  }
}

const NOTHING = new Uint8Array();

/**
 * An encoder of LMDB-js: bytes in, bytes out, those that are sealed already as they are. Decoding throws an
 * Error where a value was changed.
 */
export const withChecksum = {
  encode: (value: Uint8Array | Sealed): Buffer =>
    value instanceof Sealed ? value.stored : new Sealed(value).stored,
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
