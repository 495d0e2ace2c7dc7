/**
 * Decoded state values, remembered by their bytes: the same few records (identities, members, contracts) are
 * read for every transaction. What is answered is frozen all the way down, so that nobody changes it for others.
 */
import { decodeCbor, type Value } from '../bytes/cbor.ts';
import { freezeDeep } from '../contract/bind.ts';
import { GenerationalCache } from './generational-cache.ts';

/** Encoded bytes; decoded ones take a few times as much. */
const BYTES_MAX = 2 * 1024 * 1024;
/** What an entry takes besides, about. */
const ENTRY_BYTES = 200;

const decoded = new GenerationalCache<Uint8Array, { readonly value: Value }>(
  BYTES_MAX,
  (_, bytes) => ENTRY_BYTES + bytes.length,
);

/** Decodes a state value; the bytes must never change. */
export function decodeValue(bytes: Uint8Array): Value {
  const known = decoded.get(bytes);
  if (known) return known.value;
  const value = freezeDeep(decodeCbor(bytes) as Value);
  decoded.set(bytes, { value });
  return value;
}
