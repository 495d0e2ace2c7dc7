/**
 * Bytes as they stand in the table: compressed by Zstandard (RFC 8878) where that makes them smaller, since
 * every kilobyte is billed. The first byte says which.
 */
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';

const PLAIN = 0;
const COMPRESSED = 1;
/** Less than this is billed one unit in any case. */
const BYTES_MIN = 512;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** The bytes as they are stored. */
export async function compact(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length >= BYTES_MIN) {
    const compressed = await compress(bytes);
    if (compressed.length < bytes.length) {
      return Buffer.concat([Buffer.of(COMPRESSED), compressed]);
    }
  }
  return Buffer.concat([Buffer.of(PLAIN), bytes]);
}

/** Reverses `compact`. */
export async function expand(stored: Uint8Array): Promise<Uint8Array> {
  const rest = stored.subarray(1);
  if (stored[0] === PLAIN) return rest;
  if (stored[0] !== COMPRESSED) throw new Error('the table holds bytes of another format');
  return decompress(rest);
}
