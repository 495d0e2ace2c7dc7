/** The CBOR codec: whatever decodes is in its one form. */
import assert from 'node:assert/strict';
import { type Cbor, decodeCbor, encodeCbor, toValue } from '../../../shared/bytes/cbor.ts';
import { accepted, sameBytes } from '../invariant.ts';

export function fuzz(data: Uint8Array): void {
  const value = accepted(() => decodeCbor(data));
  if (value === undefined) return;
  sameBytes(encodeCbor(value), data, 'encoded again');
  // Bytes in it are copies: what happens to the message later does not change what was read.
  const aliased = data.slice();
  const first = decodeCbor(aliased);
  aliased.fill(0);
  assert.deepEqual(first, value);
  const plain = accepted(() => toValue(value));
  if (plain !== undefined) assert.equal(JSON.stringify(plain), JSON.stringify(value as Cbor));
}
