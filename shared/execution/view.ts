/**
 * The state as a block sees it: what its own transactions wrote, then what its uncommitted ancestors
 * wrote, then the final state. What of the final state is not at hand is recorded as a miss and
 * fetched by the caller in one batch, who then runs again. Pure and synchronous.
 */
import type { Digest } from '../bytes/digest.ts';
import { compareUtf8 } from '../bytes/text.ts';
import type { ScanRange, StateEntry } from '../ports/state-store.ts';
import type { Page } from './state-tree.ts';

/** Encoded values by key; null deletes. */
export type Layer = ReadonlyMap<string, Uint8Array | null>;

/** What is at hand of the final state; undefined: not loaded. */
export interface Base {
  value(key: string): Uint8Array | null | undefined;
  range(range: ScanRange): readonly StateEntry[] | undefined;
  /** Whether a transaction is in a final block. */
  known(id: Digest): boolean | undefined;
  page(name: string): Page | undefined;
}

/** What a run lacked. */
export class Misses {
  readonly keys = new Set<string>();
  readonly ranges = new Map<string, ScanRange>();
  readonly transactions = new Set<Digest>();
  readonly pages = new Set<string>();

  get empty(): boolean {
    return this.size === 0;
  }

  get size(): number {
    return this.keys.size + this.ranges.size + this.transactions.size + this.pages.size;
  }
}

/**
 * Thrown through contract code when something is not at hand; the run is discarded. No Error,
 * because misses are common and a stack trace costs more than the read.
 */
export class Miss {}

/** Name of a range among the fetched ones. */
export const rangeName = ({ from, to, limit }: ScanRange): string => `${limit} ${from}\0${to}`;

/** Reads through layers, newest first, to the base; records misses. */
export class View {
  readonly layers: Layer[];
  readonly base: Base;
  readonly misses: Misses;

  constructor(layers: readonly Layer[], base: Base, misses: Misses) {
    this.layers = [...layers];
    this.base = base;
    this.misses = misses;
  }

  /** A view with one more layer on top. */
  with(layer: Layer): View {
    return new View([layer, ...this.layers], this.base, this.misses);
  }

  /** The encoded value, or null where there is none; throws `Miss`. */
  get(key: string): Uint8Array | null {
    for (const layer of this.layers) {
      const value = layer.get(key);
      if (value !== undefined) return value;
    }
    const value = this.base.value(key);
    if (value !== undefined) return value;
    this.misses.keys.add(key);
    throw new Miss();
  }

  /** Live entries of a range in the order of the keys' UTF-8 bytes; throws `Miss`. */
  scan(range: ScanRange): StateEntry[] {
    const written = new Map<string, Uint8Array | null>();
    let deleted = 0;
    // Most keys of a layer lie elsewhere: a plain prefix check is much cheaper than a comparison.
    const prefix = commonPrefix(range.from, range.to);
    for (const layer of this.layers) {
      for (const [key, value] of layer) {
        if (!key.startsWith(prefix) || written.has(key) || !inRange(key, range)) continue;
        written.set(key, value);
        if (value === null) deleted++;
      }
    }
    // Deletions above may hide that many entries of the base.
    const asked = { ...range, limit: range.limit + deleted };
    const base = this.base.range(asked);
    if (base === undefined) {
      this.misses.ranges.set(rangeName(asked), asked);
      throw new Miss();
    }
    const entries = base.filter(({ key }) => !written.has(key));
    for (const [key, value] of written) if (value !== null) entries.push({ key, value });
    return entries.sort((a, b) => compareUtf8(a.key, b.key)).slice(0, range.limit);
  }
}

/** The range of all keys that begin with a prefix, which ends with a slash. */
export const prefixRange = (prefix: string, limit: number): ScanRange => ({
  from: prefix,
  // The character after the slash.
  to: `${prefix.slice(0, -1)}0`,
  limit,
});

const inRange = (key: string, { from, to }: ScanRange): boolean =>
  compareUtf8(from, key) <= 0 && compareUtf8(key, to) < 0;

function commonPrefix(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}
