/**
 * Deterministic CBOR (RFC 8949 §4.2.1), restricted to what the ledger stores: integers within ±(2^53−1),
 * byte and text strings, arrays, maps with text keys, booleans, null. No floats, no undefined, no tags: two
 * encoders can't disagree on what isn't there.
 */
import { canonicalKeys } from './cbor-encode.ts';

export { decodeCbor } from './cbor-decode.ts';
export { encodeCbor } from './cbor-encode.ts';

/** What can be encoded. Plain objects are maps with text keys. */
export type Cbor =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Cbor[]
  | { readonly [key: string]: Cbor };

/** A contract's value: as `Cbor`, without bytes, so that it is also JSON. */
export type Value =
  | null
  | boolean
  | number
  | string
  | readonly Value[]
  | { readonly [key: string]: Value };

/**
 * A plain copy of what a contract returned or stores: optional properties that are undefined are
 * left out, and keys stand as they do when it is read back: whoever is answered before gets the same text.
 * Everything else that is not a `Value` (floats, bytes, dates, functions) throws a
 * TypeError naming the place.
 */
export function toValue(input: unknown, path = ''): Value {
  if (Array.isArray(input)) return input.map((item, index) => toValue(item, `${path}/${index}`));
  if (input instanceof Uint8Array) fail(path, 'bytes');
  if (typeof input === 'object' && input !== null) {
    const prototype = Object.getPrototypeOf(input);
    if (prototype !== Object.prototype && prototype !== null) fail(path, 'an object of a class');
    const copy: Record<string, Value> = {};
    for (const key of canonicalKeys(input)) {
      const value = (input as Record<string, unknown>)[key];
      if (key === '__proto__') fail(path, 'a key named __proto__');
      if (value !== undefined) copy[key] = toValue(value, `${path}/${key}`);
    }
    return copy;
  }
  // JSON has a negative zero, integers have none.
  if (input === 0) return 0;
  if (input === null || typeof input === 'boolean' || Number.isSafeInteger(input)) {
    return input as Value;
  }
  if (typeof input !== 'string') {
    fail(path, typeof input === 'number' ? `number ${input}` : typeof input);
  }
  if (!input.isWellFormed()) fail(path, 'a text with an unpaired surrogate');
  return input;
}

function fail(path: string, found: string): never {
  throw new TypeError(`cannot encode ${found} at ${path === '' ? 'the root' : path}`);
}
