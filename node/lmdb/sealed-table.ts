/**
 * A table whose values carry a checksum (CRC-32 of ISO 3309, as in zlib) over the table's name, their key, their
 * version where they have one, and themselves: LMDB keeps none, and would hand out a value that the disk has
 * changed, or another one in its place. Guards against faults and clumsy hands; who computes checksums, too, is
 * found by the ledger's own proofs (shared/replica/proven.ts).
 */
import { crc32 } from 'node:zlib';
import type { Database, RootDatabase } from 'lmdb';
import { equalBytes, utf8 } from '../../shared/bytes/text.ts';
import { StoreFault } from '../../shared/ports/store-fault.ts';

const CHECKSUM_BYTES = 4;
const NOTHING = new Uint8Array();

/** Keys are bytes in the order of memcmp, at most 1978 of them; values are bytes with their checksum behind. */
type Raw = Database<Uint8Array, Uint8Array>;

/** A value as it is stored. */
export class Sealed {
  /** With the checksum. */
  readonly stored: Buffer;

  constructor(stored: Buffer) {
    this.stored = stored;
  }

  /** Without it. */
  get value(): Uint8Array {
    return this.stored.subarray(0, -CHECKSUM_BYTES);
  }
}

/** An entry with its version. */
export interface Versioned {
  readonly value: Uint8Array;
  readonly version: number;
}

/** Hears of each value that was refused. */
export type OnDamaged = (fault: StoreFault) => void;

export class SealedTable {
  readonly name: string;
  readonly #raw: Raw;
  readonly #seed: number;
  readonly #onDamaged: OnDamaged;

  /** Opens a table; `versions` keeps a number beside each value for conditional writes. */
  constructor(
    root: RootDatabase<Uint8Array, Uint8Array>,
    name: string,
    versions: boolean,
    onDamaged: OnDamaged,
  ) {
    this.name = name;
    this.#seed = crc32(utf8(`${name}\0`));
    this.#onDamaged = onDamaged;
    const options = {
      name,
      encoder: COPIES,
      keyEncoding: 'binary',
      useVersions: versions,
    } as const;
    this.#raw = root.openDB<Uint8Array, Uint8Array>(options);
  }

  /** A copy of a key's value with its checksum; `before` goes before the value. */
  seal(key: Uint8Array, value: Uint8Array, before: Uint8Array = NOTHING, version?: number): Sealed {
    const length = before.length + value.length;
    const stored = Buffer.allocUnsafe(length + CHECKSUM_BYTES);
    stored.set(before);
    stored.set(value, before.length);
    stored.writeUInt32BE(this.#checksum(key, stored.subarray(0, length), version), length);
    return new Sealed(stored);
  }

  put(key: Uint8Array, value: Uint8Array | Sealed): Promise<boolean> {
    const { stored } = value instanceof Sealed ? value : this.seal(key, value);
    return this.#raw.put(key, stored);
  }

  /** Puts where the stored version is `expected`, or where there is none (0); answers whether it was. */
  swap(key: Uint8Array, { value, version }: Versioned, expected: number): Promise<boolean> {
    const { stored } = this.seal(key, value, NOTHING, version);
    // For LMDB-js null as the expected version means that there is no entry.
    const ifVersion = expected === 0 ? (null as unknown as number) : expected;
    return this.#raw.put(key, stored, version, ifVersion);
  }

  /** Puts where there is nothing. */
  putNew(key: Uint8Array, value: Uint8Array): Promise<boolean> {
    return this.#raw.ifNoExists(key, () => this.put(key, value));
  }

  /** Puts in the place of exactly `before`, or of nothing (null); answers whether it did. */
  putInPlaceOf(key: Uint8Array, before: Uint8Array | null, value: Uint8Array): Promise<boolean> {
    if (before === null) return this.putNew(key, value);
    // Reads within see what the transaction wrote so far.
    return this.#raw.transaction(() => {
      const found = this.get(key);
      if (!found || !equalBytes(found, before)) return false;
      void this.put(key, value);
      return true;
    });
  }

  remove(key: Uint8Array): Promise<boolean> {
    return this.#raw.remove(key);
  }

  has(key: Uint8Array): boolean {
    return this.#raw.doesExist(key);
  }

  /** The value of a key; throws a `StoreFault` where it is not the one that was put. */
  get(key: Uint8Array): Uint8Array | undefined {
    const stored = this.#raw.get(key);
    return stored && this.#open(key, stored);
  }

  getVersioned(key: Uint8Array): Versioned | undefined {
    const entry = this.#raw.getEntry(key);
    if (!entry) return undefined;
    const version = entry.version!;
    return { value: this.#open(key, entry.value, version), version };
  }

  /** All entries in the order of their keys. */
  *entries(): Generator<{ readonly key: Uint8Array; readonly value: Uint8Array }> {
    for (const { key, value } of this.#raw.getRange({}))
      yield { key, value: this.#open(key, value) };
  }

  /** Reads of the first entry at or after a key. */
  seeker(): (start: Uint8Array) => { key: Uint8Array; value: Uint8Array } | undefined {
    // One range object for all reads, its start moved: making one costs as much again as reading.
    const range: { start: Uint8Array } = { start: Uint8Array.of(0) };
    const fromStart = this.#raw.getRange(range);
    return (start) => {
      range.start = start;
      for (const { key, value } of fromStart) return { key, value: this.#open(key, value) };
      return undefined;
    };
  }

  #checksum(key: Uint8Array, value: Uint8Array, version: number | undefined): number {
    const named = crc32(
      key,
      version === undefined ? this.#seed : crc32(`${version}\0`, this.#seed),
    );
    return crc32(value, named);
  }

  #open(key: Uint8Array, stored: Uint8Array, version?: number): Uint8Array {
    const bytes = stored as Buffer;
    const end = bytes.length - CHECKSUM_BYTES;
    const value = bytes.subarray(0, Math.max(0, end));
    if (end >= 0 && this.#checksum(key, value, version) === bytes.readUInt32BE(end)) return value;
    const fault = new StoreFault(
      'damaged',
      `The store is damaged (a value has changed on the disk, in “${this.name}”): stop the node, check the disk, and ` +
        'restore a backup with “fuqi restore”, or start with an empty data folder: the node catches up from the others.',
    );
    this.#onDamaged(fault);
    throw fault;
  }
}

/** LMDB-js uses a buffer again for the next read, and it may be longer than the value. */
const COPIES = {
  encode: (stored: Uint8Array): Uint8Array => stored,
  decode: (stored: Uint8Array): Buffer =>
    Buffer.from(
      stored.buffer.slice(stored.byteOffset, stored.byteOffset + stored.length) as ArrayBuffer,
    ),
};
