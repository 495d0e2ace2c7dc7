/** DER signatures: one form for each two numbers. */
import { derSignature, rawSignature } from '../../../shared/bytes/der-signature.ts';
import { accepted, sameBytes } from '../invariant.ts';

export function fuzz(data: Uint8Array): void {
  const raw = accepted(() => rawSignature(data));
  if (raw) sameBytes(derSignature(raw), data, 'the DER form of what was read');
  if (data.length === 64) sameBytes(rawSignature(derSignature(data)), data, 'read again');
}
