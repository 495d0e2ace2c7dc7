/**
 * Decoded state values, remembered for as long as their bytes are: the same few records (identities, members,
 * contracts) are read for every transaction. What is answered is frozen all the way down, so that nobody
 * changes it for others.
 */
import { decodeCbor, type Value } from '../bytes/cbor.ts';
import { freezeDeep } from '../contract/bind.ts';

// By weak keys: bytes may share their memory with others, which this must not keep.
const decoded = new WeakMap<Uint8Array, { readonly value: Value }>();

/** Decodes a state value; the bytes must never change. */
export function decodeValue(bytes: Uint8Array): Value {
  const known = decoded.get(bytes);
  if (known) return known.value;
  const value = freezeDeep(decodeCbor(bytes) as Value);
  decoded.set(bytes, { value });
  return value;
}
