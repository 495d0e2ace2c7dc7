/**
 * Rebuilds a certified state tree from parts that anybody may have sent: pages from the root
 * downwards, then the entries of their leaves. Each part is checked by its hash when it arrives.
 * A page is given out to be stored only when all below it is durable, so a stored page vouches for
 * its whole subtree: a walk that was cut off, or turned to a newer tree, finds again what is there.
 * Pure: what is stored, and asking for parts, is the caller's.
 */
import { decodeCbor } from '../bytes/cbor.ts';
import { byteString, list } from '../bytes/cbor-shape.ts';
import { sha256Hex } from '../bytes/crypto.ts';
import { type Digest, ZERO_DIGEST } from '../bytes/digest.ts';
import { decodePage } from './page-build.ts';
import { FIRST_SLOT, type Page, pathOf } from './page-slots.ts';
import {
  type Child,
  encodeNodes,
  hexDigit,
  type Leaf,
  nodeAt,
  nodesOf,
  pageName,
  type StateNode,
  type TreeRoot,
} from './state-page.ts';

/** What a walk still needs from others. */
type Wanted = WantedPage | WantedEntry;

interface WantedPage {
  readonly kind: 'page';
  /** Hex digits of the path above it. */
  readonly place: string;
  readonly hash: Digest;
  readonly above: OpenPage | null;
  /** What the older tree at hand has at this place. */
  readonly old: StateNode;
}

interface WantedEntry {
  readonly kind: 'entry';
  /** The leaf's path. */
  readonly place: Digest;
  readonly valueHash: Digest;
  readonly above: OpenPage;
}

/** A page that arrived; it is stored when nothing below it is missing. */
interface OpenPage {
  readonly prefix: string;
  readonly nodes: StateNode[];
  readonly above: OpenPage | null;
  /** Entries and pages right below that are not durable yet. */
  missing: number;
}

/** What is to be made durable next. */
export interface WalkBatch {
  /** Encoded values by key, as the tree holds them. */
  readonly values: readonly (readonly [key: string, value: Uint8Array])[];
  /** Encoded pages by item name. */
  readonly pages: readonly (readonly [name: string, page: Uint8Array])[];
}

/** How many entries may be wanted before more pages are asked for: this bounds the memory of a walk. */
const ENTRIES_WANTED_MAX = 2048;
/** Pages asked for at once: their leaves are about as many as entries are asked for at once. */
const PAGES_MAX = 128;

/** An entry of the state as it travels: CBOR [key, value]. */
export function decodeEntry(part: Uint8Array): {
  readonly key: string;
  readonly value: Uint8Array;
} {
  const [key, value] = list(decodeCbor(part), 2);
  if (typeof key !== 'string') throw new Error('a key that is not a text');
  return { key, value: byteString(value) };
}

export class TreeWalk {
  readonly #version: number;
  #root: TreeRoot | undefined;
  #pages: WantedPage[] = [];
  #entries: WantedEntry[] = [];
  /** Arrived, not durable. */
  #values: { readonly key: string; readonly value: Uint8Array; readonly above: OpenPage }[] = [];
  #complete: OpenPage[] = [];
  #asked: readonly Wanted[] = [];

  /**
   * A walk over the tree with this root hash; its pages will be named after `version`. `old` is the
   * root of a complete tree at hand: what they share is not asked for.
   */
  constructor(root: Digest, version: number, old: TreeRoot) {
    this.#version = version;
    const before: StateNode =
      old.version === null ? null : { kind: 'child', hash: old.hash, version: old.version };
    this.#want({ kind: 'page', place: '', hash: root, above: null, old: before });
  }

  /** The tree once all of it is durable. */
  get root(): TreeRoot | undefined {
    return this.#root;
  }

  /** The places of what is wanted next, the entries first; at most `max`. */
  wanted(max: number): string[] {
    this.#asked = this.#next(max);
    return this.#asked.map(({ place }) => place);
  }

  #next(max: number): Wanted[] {
    const entries = this.#entries.slice(-max);
    const room = Math.min(PAGES_MAX, max - entries.length);
    if (room === 0 || this.#entries.length >= ENTRIES_WANTED_MAX) return entries;
    // The last ones are the deepest: the walk goes to the leaves before it goes wide.
    return [...entries, ...this.#pages.slice(-room)];
  }

  /**
   * Item names at which the wanted pages may be found in the store: in an unfinished walk's versions.
   */
  storedNames(versions: readonly number[], max: number): string[] {
    return this.#pages
      .slice(-max)
      .flatMap(({ place }) => versions.map((version) => pageName(version, place)));
  }

  /** Takes wanted pages that are stored: their subtrees are complete. Answers whether there was any. */
  takeStored(
    versions: readonly number[],
    max: number,
    stored: (name: string) => Uint8Array | undefined,
  ): boolean {
    const looked = this.#pages.splice(-max);
    let taken = false;
    for (const wanted of looked) {
      const version = versions.find((each) => {
        const bytes = stored(pageName(each, wanted.place));
        return bytes !== undefined && nodeAt(decodePage(bytes), 1)?.hash === wanted.hash;
      });
      if (version === undefined) this.#pages.push(wanted);
      else this.#reuse(wanted, version);
      taken ||= version !== undefined;
    }
    return taken;
  }

  /** Pages of the older tree that `take` will look at for these places. */
  oldNames(places: readonly string[]): string[] {
    const set = new Set(places);
    return this.#pages.flatMap(({ place, old }) =>
      set.has(place) && old?.kind === 'child' ? [pageName(old.version, place)] : [],
    );
  }

  /**
   * Checks parts that answer the first of the places that `wanted` answered last, in their order, and
   * takes them. Throws an Error at the first that is not what the tree has there; those before it are
   * taken.
   */
  take(parts: readonly Uint8Array[], old: (name: string) => Page | undefined): void {
    const next = this.#asked;
    this.#asked = [];
    if (parts.length > next.length) throw new Error('more parts than were asked for');
    const taken = new Set<Wanted>();
    try {
      for (const [index, part] of parts.entries()) {
        const wanted = next[index]!;
        if (wanted.kind === 'page') this.#takePage(wanted, part, old);
        else this.#takeEntry(wanted, part);
        taken.add(wanted);
      }
    } finally {
      this.#entries = this.#entries.filter((each) => !taken.has(each));
      this.#pages = this.#pages.filter((each) => !taken.has(each));
    }
  }

  /** What is to be made durable now; undefined where that is nothing. */
  batch(): WalkBatch | undefined {
    if (this.#values.length === 0 && this.#complete.length === 0) return undefined;
    return {
      values: this.#values.map(({ key, value }) => [key, value]),
      pages: this.#complete.map(({ prefix, nodes }) => [
        pageName(this.#version, prefix),
        encodeNodes(nodes),
      ]),
    };
  }

  /** The last batch is durable: what waited for it may follow. */
  stored(): void {
    const values = this.#values;
    const pages = this.#complete;
    this.#values = [];
    this.#complete = [];
    for (const { above } of values) this.#settle(above);
    for (const page of pages) this.#pageStored(page.above, page.nodes[1]!.hash, this.#version);
  }

  #takeEntry({ place, valueHash, above }: WantedEntry, part: Uint8Array): void {
    const { key, value } = decodeEntry(part);
    if (pathOf(key) !== place) throw new Error(`an entry of another path than ${place}`);
    if (sha256Hex(value) !== valueHash)
      throw new Error(`another value than the tree has at ${place}`);
    this.#values.push({ key, value, above });
  }

  #takePage(wanted: WantedPage, part: Uint8Array, old: (name: string) => Page | undefined): void {
    const { place, hash, above } = wanted;
    const nodes = nodesOf(decodePage(part));
    const top = nodes[1];
    if (top?.hash !== hash) throw new Error(`another page than the tree has at "${place}"`);
    checkSlots(nodes, place);
    if (top.kind === 'leaf' && above) {
      // A slot tells a leaf from a page by its form only, and both have a hash: whoever sent the page
      // above gave this leaf's slot the form of a page. In the tree it is the leaf.
      above.nodes[slotOf(place)] = top;
      this.#want({ kind: 'entry', place: top.path, valueHash: top.valueHash, above });
      return;
    }
    // One more than there are, until all slots are looked at: what is reused is settled at once.
    const open: OpenPage = { prefix: place, nodes, above, missing: 1 };
    const before = oldSlots(wanted.old, place, old);
    for (let slot = FIRST_SLOT; slot < nodes.length; slot++) {
      const node = nodes[slot]!;
      const known = before[slot] ?? null;
      if (node === null) continue;
      if (node.kind === 'leaf') {
        if (known?.kind === 'leaf' && known.hash === node.hash) continue;
        open.missing++;
        this.#want({ kind: 'entry', place: node.path, valueHash: node.valueHash, above: open });
        continue;
      }
      // The version is the sender's own name for the page.
      nodes[slot] = { kind: 'child', hash: node.hash, version: this.#version };
      open.missing++;
      const below = place + (slot - FIRST_SLOT).toString(16);
      this.#want({ kind: 'page', place: below, hash: node.hash, above: open, old: known });
    }
    this.#settle(open);
  }

  #want(wanted: Wanted): void {
    if (wanted.kind === 'entry') this.#entries.push(wanted);
    else if (wanted.old?.kind === 'child' && wanted.old.hash === wanted.hash)
      this.#reuse(wanted, wanted.old.version);
    else this.#pages.push(wanted);
  }

  #reuse({ place, hash, above }: WantedPage, version: number): void {
    if (above) above.nodes[slotOf(place)] = { kind: 'child', hash, version };
    this.#pageStored(above, hash, version);
  }

  #pageStored(above: OpenPage | null, hash: Digest, version: number): void {
    if (above) this.#settle(above);
    else this.#root = { hash, version };
  }

  #settle(page: OpenPage): void {
    page.missing--;
    if (page.missing === 0) this.#complete.push(page);
  }
}

/** The slot of a page in the page above it. */
const slotOf = (prefix: string): number => FIRST_SLOT + hexDigit(prefix, prefix.length - 1);

/** A hash binds what stands in the slots, but not in which of a lone leaf's places it stands. */
function checkSlots(nodes: readonly StateNode[], prefix: string): void {
  for (let slot = FIRST_SLOT; slot < nodes.length; slot++) {
    const node = nodes[slot]!;
    const digits = prefix + (slot - FIRST_SLOT).toString(16);
    if (node?.kind === 'leaf' && !node.path.startsWith(digits))
      throw new Error('a leaf out of place');
    if (node?.hash === ZERO_DIGEST) throw new Error('a page that stands for nothing');
  }
}

/** The slots that an older tree has below a place: its page's, or its lone leaf's. */
function oldSlots(
  node: StateNode,
  prefix: string,
  page: (name: string) => Page | undefined,
): readonly StateNode[] {
  if (node?.kind === 'child') {
    const found = page(pageName((node as Child).version, prefix));
    if (!found) throw new Error(`the store lacks ${pageName((node as Child).version, prefix)}`);
    return nodesOf(found);
  }
  const nodes: StateNode[] = [];
  if (node?.kind === 'leaf') nodes[slotOf((node as Leaf).path.slice(0, prefix.length + 1))] = node;
  return nodes;
}
