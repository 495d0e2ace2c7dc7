/**
 * What final blocks leave behind: versioned state values and immutable items (tree pages, results,
 * indexes). The `head` record of the head store says up to which height they count.
 *
 * The law:
 * - `write` of a height happens before the head moves to it. Writing the same height again (after a
 *   torn write, a crash, a lost reply) writes the same content and is harmless. Content is durable
 *   at the latest when a later `HeadStore.swap` on the same node answers true.
 * - A torn write may leave any part of a height behind; readers never look past the head, so they
 *   ask with `at` ≤ head and see values of heights ≤ `at` only.
 * - `get` answers for each key the value of the newest height ≤ `at`, undefined where there is none
 *   or where that height deleted it.
 * - `scan` answers the live entries at `at` with `from` ≤ key < `to` in ascending order of the
 *   keys' UTF-8 bytes, at most `limit`.
 * - `items` answers the immutable items by name; undefined where there is none.
 * - When `removeItems` resolves, `items` finds none of them; removing an absent one succeeds. It need
 *   not be durable at once: a removed item may come back after a crash.
 * - A store whose reads need no waiting has `now`: the same answers, at once.
 */
export interface StateStore {
  write(batch: StateBatch): Promise<void>;
  get(keys: readonly string[], at: number): Promise<(Uint8Array | undefined)[]>;
  scan(range: ScanRange, at: number): Promise<StateEntry[]>;
  items(names: readonly string[]): Promise<(Uint8Array | undefined)[]>;
  removeItems(names: readonly string[]): Promise<void>;
  readonly now?: ImmediateReads;
}

/** Reads of a store without waiting. */
export interface ImmediateReads {
  /** The value of a key at a height, null where there is none; undefined where it can't be said without waiting. */
  value(key: string, at: number): Uint8Array | null | undefined;
  /** As `scan`; undefined where it can't be said without waiting. */
  scan(range: ScanRange, at: number): StateEntry[] | undefined;
  /** An item; undefined where there is none. */
  item(name: string): Uint8Array | undefined;
}

/** Everything that one block writes. */
export interface StateBatch {
  readonly height: number;
  /** State values by key; null deletes. */
  readonly values: readonly (readonly [key: string, value: Uint8Array | null])[];
  /** Immutable items by name; names never repeat with other content. */
  readonly items: readonly (readonly [name: string, bytes: Uint8Array])[];
}

export interface ScanRange {
  readonly from: string;
  readonly to: string;
  readonly limit: number;
}

export interface StateEntry {
  readonly key: string;
  readonly value: Uint8Array;
}
