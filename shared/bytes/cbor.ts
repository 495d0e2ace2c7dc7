/**
 * Deterministic CBOR (RFC 8949 §4.2.1) by the cborg library, restricted to what the ledger stores:
 * integers within ±(2^53−1), byte and text strings, arrays, maps with text keys, booleans, null.
 * No floats, no undefined, no tags: two encoders can't disagree on what isn't there.
 */
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { equalBytes } from './text.ts';

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

/** Encodes deterministically; throws a TypeError on anything outside `Cbor`. */
export function encodeCbor(value: Cbor): Uint8Array {
  assertCbor(value, '');
  return encode(value, rfc8949EncodeOptions);
}

/**
 * Decodes one item that must be in deterministic form: for bytes under a digest or a signature.
 * Throws an Error saying what is wrong.
 */
export function decodeCbor(bytes: Uint8Array): Cbor {
  const value = decodeLoosely(bytes);
  // Key order and the integer-valued floats that the decoder lets pass show up here.
  if (!equalBytes(encodeCbor(value), bytes)) throw new Error('CBOR is not in deterministic form');
  return value;
}

/**
 * Decodes one item without asking for its deterministic form: for envelopes whose parts are checked
 * by themselves, and for what this node stored. Throws an Error where the bytes are no such item.
 */
export const decodeLoosely = (bytes: Uint8Array): Cbor =>
  decode(bytes, {
    strict: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowInfinity: false,
    allowNaN: false,
    allowBigInt: false,
    rejectDuplicateMapKeys: true,
  }) as Cbor;

function assertCbor(value: unknown, path: string): asserts value is Cbor {
  switch (typeof value) {
    case 'boolean':
      return;
    case 'number':
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) fail(path, `number ${value}`);
      return;
    case 'string':
      if (!value.isWellFormed()) fail(path, 'a text with an unpaired surrogate');
      return;
    case 'object': {
      if (value === null || value instanceof Uint8Array) return;
      if (Array.isArray(value)) {
        for (let index = 0; index < value.length; index++) {
          assertCbor(value[index], `${path}/${index}`);
        }
        return;
      }
      const prototype = Object.getPrototypeOf(value);
      if (prototype !== Object.prototype && prototype !== null) fail(path, 'an object of a class');
      for (const key of Object.keys(value)) {
        if (!key.isWellFormed()) fail(path, 'a key with an unpaired surrogate');
        assertCbor((value as Record<string, unknown>)[key], `${path}/${key}`);
      }
      return;
    }
    default:
      fail(path, typeof value);
  }
}

function fail(path: string, found: string): never {
  throw new TypeError(`cannot encode ${found} at ${path === '' ? 'the root' : path}`);
}

/**
 * A plain copy of what a contract returned or stores: optional properties that are undefined are
 * left out; everything else that is not a `Value` (floats, bytes, dates, functions) throws a
 * TypeError naming the place.
 */
export function toValue(input: unknown, path = ''): Value {
  if (Array.isArray(input)) return input.map((item, index) => toValue(item, `${path}/${index}`));
  if (input instanceof Uint8Array) fail(path, 'bytes');
  if (typeof input === 'object' && input !== null) {
    const prototype = Object.getPrototypeOf(input);
    if (prototype !== Object.prototype && prototype !== null) fail(path, 'an object of a class');
    const copy: Record<string, Value> = {};
    for (const [key, value] of Object.entries(input)) {
      if (key === '__proto__') fail(path, 'a key named __proto__');
      if (value !== undefined) copy[key] = toValue(value, `${path}/${key}`);
    }
    return copy;
  }
  // JSON has a negative zero, integers have none.
  if (input === 0) return 0;
  assertCbor(input, path);
  return input as Value;
}
