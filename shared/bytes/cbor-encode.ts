/**
 * The encoder of deterministic CBOR (RFC 8949 §4.2.1). Written out here because everything that is hashed,
 * stored or sent passes through it: it checks and writes in one pass, into one buffer that is used again.
 */
import type { Cbor } from './cbor.ts';
import { shortLivedCopy } from './slab.ts';
import { compareUtf8 } from './text.ts';

/** Containers in containers: whatever encodes can be decoded, and neither depends on how deep a stack goes. */
export const CBOR_DEPTH_MAX = 512;

const FIRST_BYTES = 64 * 1024;
/** A buffer that grew above this for one large value is let go again. */
const KEPT_BYTES_MAX = 4 * 1024 * 1024;
/** Up to this length a loop is faster than a call into the engine. */
const SHORT_TEXT = 24;

let free: Writer | undefined;

/** Encodes deterministically; throws a TypeError that names the place of what is not `Cbor`. */
export function encodeCbor(value: Cbor): Uint8Array {
  // A getter of the value may encode something itself: that one gets another buffer.
  const writer = free ?? new Writer();
  free = undefined;
  try {
    writer.item(value, 0);
    return writer.take();
  } catch (error) {
    if (!(error instanceof Unencodable)) throw error;
    const place = error.path.length === 0 ? 'the root' : `/${error.path.reverse().join('/')}`;
    throw new TypeError(`cannot encode ${error.found} at ${place}`);
  } finally {
    if (writer.reset()) free = writer;
  }
}

/** What can't be encoded; the path is added on the way up, innermost first. */
class Unencodable {
  readonly found: string;
  readonly path: (string | number)[] = [];
  constructor(found: string) {
    this.found = found;
  }
}

class Writer {
  #bytes = new Uint8Array(FIRST_BYTES);
  #text = Buffer.from(this.#bytes.buffer);
  #at = 0;

  item(value: unknown, depth: number): void {
    if (typeof value === 'string') this.#string(value, 'a text');
    else if (typeof value === 'number') this.#integer(value);
    else if (value === null) this.#byte(0xf6);
    else if (value === true) this.#byte(0xf5);
    else if (value === false) this.#byte(0xf4);
    else if (value instanceof Uint8Array) this.#byteString(value);
    else if (typeof value !== 'object') throw new Unencodable(typeof value);
    else if (depth === CBOR_DEPTH_MAX) throw new Unencodable('a value nested too deep');
    else if (Array.isArray(value)) this.#array(value, depth);
    else this.#map(value, depth);
  }

  /** A copy of what was written. */
  take(): Uint8Array {
    return shortLivedCopy(this.#bytes, this.#at);
  }

  /** Makes it ready for the next value; answers whether it is worth keeping. */
  reset(): boolean {
    this.#at = 0;
    return this.#bytes.length <= KEPT_BYTES_MAX;
  }

  #integer(value: number): void {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      throw new Unencodable(`number ${value}`);
    }
    if (value < 0) this.#head(1, -1 - value);
    else this.#head(0, value);
  }

  #string(value: string, what: string): void {
    const { length } = value;
    if (length <= SHORT_TEXT) {
      // With room for any head: writing it must not move the buffer.
      this.#reserve(length + HEAD_BYTES_MAX);
      const start = this.#at;
      const bytes = this.#bytes;
      // Up to 23 characters have a head of one byte, 24 of two.
      let at = start + (length < 24 ? 1 : 2);
      let index = 0;
      for (; index < length; index++) {
        const code = value.charCodeAt(index);
        if (code > 0x7f) break;
        bytes[at++] = code;
      }
      if (index === length) {
        this.#head(3, length);
        this.#at = at;
        return;
      }
    }
    if (!value.isWellFormed()) throw new Unencodable(`${what} with an unpaired surrogate`);
    const size = Buffer.byteLength(value);
    this.#head(3, size);
    this.#reserve(size);
    this.#text.write(value, this.#at, size, 'utf8');
    this.#at += size;
  }

  #byteString(value: Uint8Array): void {
    this.#head(2, value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  #array(value: readonly unknown[], depth: number): void {
    this.#head(4, value.length);
    for (let index = 0; index < value.length; index++) {
      try {
        this.item(value[index], depth + 1);
      } catch (error) {
        throw at(error, index);
      }
    }
  }

  #map(value: object, depth: number): void {
    const prototype = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) {
      throw new Unencodable('an object of a class');
    }
    const keys = canonicalKeys(value);
    this.#head(5, keys.length);
    for (const key of keys) {
      this.#string(key, 'a key');
      try {
        this.item((value as Record<string, unknown>)[key], depth + 1);
      } catch (error) {
        throw at(error, key);
      }
    }
  }

  #head(major: number, argument: number): void {
    this.#reserve(HEAD_BYTES_MAX);
    this.#at = writeHead(this.#bytes, this.#at, major, argument);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = value;
  }

  #reserve(size: number): void {
    const needed = this.#at + size;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
    this.#text = Buffer.from(larger.buffer);
  }
}

/**
 * Writes the initial byte and the argument of an item (RFC 8949 §3), the shortest there is; answers where they
 * end. They take 9 bytes at the most.
 */
export function writeHead(
  bytes: Uint8Array,
  from: number,
  major: number,
  argument: number,
): number {
  const type = major << 5;
  let at = from;
  if (argument < 24) {
    bytes[at++] = type | argument;
  } else if (argument < 2 ** 8) {
    bytes[at++] = type | 24;
    bytes[at++] = argument;
  } else if (argument < 2 ** 16) {
    bytes[at++] = type | 25;
    bytes[at++] = argument >>> 8;
    bytes[at++] = argument & 0xff;
  } else if (argument < 2 ** 32) {
    bytes[at++] = type | 26;
    at = writeUint32(bytes, at, argument);
  } else {
    bytes[at++] = type | 27;
    at = writeUint32(bytes, at, Math.floor(argument / 2 ** 32));
    at = writeUint32(bytes, at, argument >>> 0);
  }
  return at;
}

const HEAD_BYTES_MAX = 9;

function writeUint32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24;
  bytes[at + 1] = (value >>> 16) & 0xff;
  bytes[at + 2] = (value >>> 8) & 0xff;
  bytes[at + 3] = value & 0xff;
  return at + 4;
}

function at(error: unknown, step: string | number): unknown {
  if (error instanceof Unencodable) error.path.push(step);
  return error;
}

/** An object's keys in the order of their encodings. */
export function canonicalKeys(value: object): string[] {
  const keys = Object.keys(value);
  for (let index = 1; index < keys.length; index++) {
    if (compareKeys(keys[index - 1]!, keys[index]!) < 0) continue;
    sort(keys);
    break;
  }
  return keys;
}

/** By insertion where they are few: it allocates nothing. */
function sort(keys: string[]): void {
  if (keys.length > 32) {
    keys.sort(compareKeys);
    return;
  }
  for (let index = 1; index < keys.length; index++) {
    const key = keys[index]!;
    let place = index;
    for (; place > 0 && compareKeys(keys[place - 1]!, key) > 0; place--) {
      keys[place] = keys[place - 1]!;
    }
    keys[place] = key;
  }
}

const NOT_ASCII = /[^\0-\x7f]/;

/** The order of the keys' encodings (§4.2.1): shorter ones first, for their heads are smaller, then by bytes. */
function compareKeys(a: string, b: string): number {
  if (NOT_ASCII.test(a) || NOT_ASCII.test(b)) {
    return Buffer.byteLength(a) - Buffer.byteLength(b) || compareUtf8(a, b);
  }
  return a.length - b.length || (a < b ? -1 : 1);
}
