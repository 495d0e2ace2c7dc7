/**
 * The decoder of deterministic CBOR (RFC 8949 §4.2.1): it takes the one encoding of each value and nothing
 * else. Every byte is looked at once; a length is believed only as far as there are bytes.
 */
import type { Cbor } from './cbor.ts';
import { CBOR_DEPTH_MAX } from './cbor-encode.ts';
import { fromUtf8 } from './text.ts';

/**
 * Decodes one item that must be in deterministic form and end where the bytes end. Bytes in it are copies.
 * Throws an Error saying what is wrong.
 */
export function decodeCbor(bytes: Uint8Array): Cbor {
  const reader = new Reader(bytes);
  const value = reader.item(0);
  if (!reader.isAtEnd) throw new Error('CBOR goes on after its end');
  return value;
}

/** Up to this length a loop is faster than a call into the engine. */
const SHORT_TEXT = 24;

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  item(depth: number): Cbor {
    const initial = this.#byte();
    switch (initial >> 5) {
      case 0:
        return this.#argument(initial);
      case 1: {
        const value = -1 - this.#argument(initial);
        if (!Number.isSafeInteger(value)) throw new Error('CBOR has an integer out of range');
        return value;
      }
      case 2: {
        const start = this.#skip(this.#argument(initial));
        return new Uint8Array(this.#bytes.subarray(start, this.#at));
      }
      case 3:
        return this.#text(this.#argument(initial));
      case 4:
        return this.#array(this.#argument(initial), depth);
      case 5:
        return this.#map(this.#argument(initial), depth);
      default:
        return simpleValue(initial);
    }
  }

  #array(length: number, depth: number): Cbor {
    this.#check(length, depth);
    const items: Cbor[] = [];
    for (let index = 0; index < length; index++) items.push(this.item(depth + 1));
    return items;
  }

  #map(length: number, depth: number): Cbor {
    // A key and a value take two bytes at least.
    this.#check(2 * length, depth);
    const map: Record<string, Cbor> = {};
    let before = -1;
    let beforeEnd = -1;
    for (let index = 0; index < length; index++) {
      const start = this.#at;
      const initial = this.#byte();
      if (initial >> 5 !== 3) throw new Error('CBOR has a key that is no text');
      const key = this.#text(this.#argument(initial));
      if (before >= 0 && !this.#isAfter(before, beforeEnd, start, this.#at)) {
        throw new Error('CBOR has keys out of order');
      }
      before = start;
      beforeEnd = this.#at;
      const value = this.item(depth + 1);
      if (key === '__proto__') {
        Object.defineProperty(map, key, {
          value,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      } else map[key] = value;
    }
    return map;
  }

  /** Whether an encoded key comes after another one: strictly, so that none comes twice. */
  #isAfter(before: number, beforeEnd: number, start: number, end: number): boolean {
    const bytes = this.#bytes;
    if (end - start !== beforeEnd - before) return end - start > beforeEnd - before;
    for (let offset = 0; start + offset < end; offset++) {
      const difference = bytes[start + offset]! - bytes[before + offset]!;
      if (difference !== 0) return difference > 0;
    }
    return false;
  }

  #text(length: number): string {
    const start = this.#skip(length);
    const bytes = this.#bytes;
    if (length <= SHORT_TEXT) {
      let text = '';
      let at = start;
      for (; at < this.#at; at++) {
        const code = bytes[at]!;
        if (code > 0x7f) break;
        text += String.fromCharCode(code);
      }
      if (at === this.#at) return text;
    }
    const text = fromUtf8(bytes.subarray(start, this.#at));
    if (text === undefined) throw new Error('CBOR has a text that is not UTF-8');
    return text;
  }

  /** The argument of an item (§3), in its shortest form. */
  #argument(initial: number): number {
    const info = initial & 0x1f;
    if (info < 24) return info;
    const start = this.#at;
    switch (info) {
      case 24: {
        const value = this.#byte();
        return value >= 24 ? value : notShortest();
      }
      case 25: {
        this.#skip(2);
        const value = (this.#bytes[start]! << 8) | this.#bytes[start + 1]!;
        return value >= 2 ** 8 ? value : notShortest();
      }
      case 26: {
        this.#skip(4);
        const value = this.#uint32(start);
        return value >= 2 ** 16 ? value : notShortest();
      }
      case 27: {
        this.#skip(8);
        const high = this.#uint32(start);
        if (high === 0) notShortest();
        if (high > 0x1fffff) throw new Error('CBOR has an integer out of range');
        return high * 2 ** 32 + this.#uint32(start + 4);
      }
      default:
        throw new Error('CBOR has an item without a definite length');
    }
  }

  #uint32(at: number): number {
    const bytes = this.#bytes;
    return (
      ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
    );
  }

  #byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new Error('CBOR was cut off');
    return value;
  }

  /** Moves on by so many bytes; answers where they begin. */
  #skip(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new Error('CBOR was cut off');
    this.#at = start + length;
    return start;
  }

  /** Each item of a container takes a byte at least. */
  #check(bytesMin: number, depth: number): void {
    if (bytesMin > this.#bytes.length - this.#at) throw new Error('CBOR was cut off');
    if (depth === CBOR_DEPTH_MAX) throw new Error('CBOR is nested too deep');
  }
}

function simpleValue(initial: number): Cbor {
  if (initial === 0xf6) return null;
  if (initial === 0xf5) return true;
  if (initial === 0xf4) return false;
  throw new Error('CBOR has an item that is not in use: a tag, a float or another simple value');
}

function notShortest(): never {
  throw new Error('CBOR is not in deterministic form');
}
