/**
 * What a node has at hand of the final state: caches over the state store at the head. They hold
 * nothing that the store does not, and are moved along with the head by `advance`.
 */
import { decodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { decodePage, type Page } from '../execution/state-tree.ts';
import { type Base, type Layer, type Misses, rangeName } from '../execution/view.ts';
import type { StateEntry, StateStore } from '../ports/state-store.ts';
import { GenerationalCache } from './generational-cache.ts';
import { itemName } from './items.ts';

/** Bytes of values. */
const VALUES_BYTES_MAX = 8 * 1024 * 1024;
/** What an entry takes besides its value, about. */
const ENTRY_BYTES = 200;
const TRANSACTIONS_MAX = 20_000;
// A decoded page takes about 1.7 KB.
const PAGES_MAX = 6000;

const valueCache = (): GenerationalCache<string, Uint8Array | null> =>
  new GenerationalCache(VALUES_BYTES_MAX, (value) => ENTRY_BYTES + (value?.length ?? 0));

export class FinalState {
  readonly #store: StateStore;
  #values = valueCache();
  #known = new GenerationalCache<Digest, boolean>(TRANSACTIONS_MAX);
  #pages = new GenerationalCache<string, Page>(PAGES_MAX);
  height: number;
  /** The look for transactions that is under way; it does not fail. */
  #look: Promise<void> | null = null;
  /** The one after it, to which ids are added until it begins. */
  #lookNext: {
    readonly ids: Digest[];
    readonly places: Promise<(Uint8Array | undefined)[]>;
  } | null = null;

  constructor(store: StateStore, height: number) {
    this.#store = store;
    this.height = height;
  }

  /** A base for one block's execution: these caches, the pages of its ancestors, fetched ranges. */
  base(ancestorPages: readonly ReadonlyMap<string, Page>[]): FetchedBase {
    const ranges = new Map<string, readonly StateEntry[]>();
    return {
      value: (key) => this.#valueAtHand(key),
      known: (id) => this.#knownAtHand(id),
      range: (range) => ranges.get(rangeName(range)) ?? this.#store.now?.scan(range, this.height),
      page: (name) => {
        for (const pages of ancestorPages) {
          const page = pages.get(name);
          if (page) return page;
        }
        return this.#pageAtHand(name);
      },
      fetch: (misses) => this.#fetch(misses, ranges),
    };
  }

  /** What a store says at once need not be fetched; undefined where this one can't. */
  #valueAtHand(key: string): Uint8Array | null | undefined {
    // Null is an answer: no value.
    const cached = this.#values.get(key);
    if (cached !== undefined) return cached;
    const value = this.#store.now?.value(key, this.height);
    if (value !== undefined) this.#values.set(key, value);
    return value;
  }

  #knownAtHand(id: Digest): boolean | undefined {
    const cached = this.#known.get(id);
    const { now } = this.#store;
    if (cached !== undefined || !now) return cached;
    const known = isFinal(now.item(itemName.transaction(id)), this.height);
    this.#known.set(id, known);
    return known;
  }

  #pageAtHand(name: string): Page | undefined {
    const cached = this.#pages.get(name);
    if (cached) return cached;
    const bytes = this.#store.now?.item(name);
    if (!bytes) return undefined;
    const page = decodePage(bytes);
    this.#pages.set(name, page);
    return page;
  }

  /** Whether a transaction is known to be final; false also where that was never asked. */
  includes(id: Digest): boolean {
    return this.#known.get(id) === true;
  }

  /** Whether a transaction is final, asking the store where that is not known. */
  async isKnown(id: Digest): Promise<boolean> {
    const known = this.#knownAtHand(id);
    if (known !== undefined) return known;
    const at = this.height;
    const place = await this.#place(id);
    const isKnown = isFinal(place, at);
    if (at !== this.height) return isFinal(place, this.height);
    this.#known.set(id, isKnown);
    return isKnown;
  }

  /** The place of a transaction: those asked for while a look is under way are looked for together. */
  #place(id: Digest): Promise<Uint8Array | undefined> {
    const next = this.#lookNext;
    if (next) {
      next.ids.push(id);
      const index = next.ids.length - 1;
      return next.places.then((places) => places[index]);
    }
    const ids = [id];
    const before = this.#look ?? Promise.resolve();
    const places = before.then(() => {
      this.#lookNext = null;
      const look = this.#store.items(ids.map(itemName.transaction));
      this.#look = look.then(
        () => {},
        () => {},
      );
      return look;
    });
    this.#lookNext = { ids, places };
    return places.then(([place]) => place);
  }

  /** A value at the head, from the store where it is not at hand. */
  async read(key: string): Promise<Uint8Array | null> {
    const cached = this.#valueAtHand(key);
    if (cached !== undefined) return cached;
    const at = this.height;
    const [value] = await this.#store.get([key], at);
    if (at === this.height) this.#values.set(key, value ?? null);
    return value ?? null;
  }

  async #fetch(misses: Misses, ranges: Map<string, readonly StateEntry[]>): Promise<void> {
    const keys = [...misses.keys];
    const pages = [...misses.pages];
    const ids = [...misses.transactions];
    const scans = [...misses.ranges];
    const at = this.height;
    const [values, items, scanned] = await Promise.all([
      this.#store.get(keys, at),
      this.#store.items([...pages, ...ids.map((id) => itemName.transaction(id))]),
      Promise.all(scans.map(([, range]) => this.#store.scan(range, at))),
    ]);
    if (at !== this.height) throw new Error('the head moved under an execution');
    for (const [index, key] of keys.entries()) this.#values.set(key, values[index] ?? null);
    for (const [index, name] of pages.entries()) {
      const bytes = items[index];
      if (!bytes) throw new Error(`the state store lacks ${name}`);
      this.#pages.set(name, decodePage(bytes));
    }
    for (const [index, id] of ids.entries()) {
      this.#known.set(id, isFinal(items[pages.length + index], at));
    }
    for (const [index, [name]] of scans.entries()) ranges.set(name, scanned[index]!);
  }

  /** The same for another replica of the store, which goes on from here; this one starts anew. */
  handOver(store: StateStore): FinalState {
    const next = new FinalState(store, this.height);
    next.#values = this.#values;
    next.#known = this.#known;
    next.#pages = this.#pages;
    this.#pages = new GenerationalCache(PAGES_MAX);
    this.restart(this.height);
    return next;
  }

  /** Starts anew at another head, which no block led to from the last one. */
  restart(height: number): void {
    this.#values = valueCache();
    this.#known = new GenerationalCache(TRANSACTIONS_MAX);
    this.height = height;
  }

  /** Moves along with the head: a block's writes are the newest values now. */
  advance(
    height: number,
    writes: Layer,
    pages: ReadonlyMap<string, Page>,
    ids: Iterable<Digest>,
  ): void {
    this.height = height;
    // Encoded values share their memory with others that are soon forgotten; these are kept.
    for (const [key, value] of writes) this.#values.set(key, value && new Uint8Array(value));
    for (const [name, page] of pages) this.#pages.set(name, page);
    for (const id of ids) this.#known.set(id, true);
  }
}

/** A base that can fetch what a run lacked. */
export interface FetchedBase extends Base {
  fetch(misses: Misses): Promise<void>;
}

/** A torn write may have left the place of a transaction above the head: that one is not final. */
const isFinal = (place: Uint8Array | undefined, head: number): boolean =>
  place !== undefined && (decodeCbor(place) as [number])[0] <= head;
