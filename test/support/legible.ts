/** Makes what may stand in bytes legible, for tests that look for planted values in stores, logs and messages. */
import { gunzipSync, inflateSync } from 'node:zlib';
import { fromBase64Url } from '../../shared/bytes/text.ts';

/**
 * The bytes as latin text, with each base64 or base64url text in them decoded, and unzipped where it is zipped, again
 * and again. CBOR has texts as they are.
 */
export function legible(bytes: Uint8Array, levels = 3): string {
  const text = Buffer.from(bytes).toString('latin1');
  if (levels === 0) return text;
  const coded = text.match(/[A-Za-z0-9_-]{8,}|[A-Za-z0-9+/]{8,}={0,2}/g) ?? [];
  const inner = new Set(
    coded.map((part) =>
      Buffer.from(fromBase64Url(part) ?? Buffer.from(part, 'base64')).toString('latin1'),
    ),
  );
  const parts = [bytes, ...[...inner].map((part) => Buffer.from(part, 'latin1'))];
  const unpacked = [...parts.slice(1), ...parts.flatMap(unzipped)];
  return [text, ...unpacked.map((part) => legible(part, levels - 1))].join('\n');
}

function unzipped(bytes: Uint8Array): Uint8Array[] {
  for (const unzip of [gunzipSync, inflateSync]) {
    try {
      return [unzip(bytes)];
    } catch {
      // It is something else.
    }
  }
  return [];
}
