/**
 * Pages of the state tree: four levels of the compact sparse Merkle tree, 16 slots below 15 inner
 * nodes. Promises that a page is never changed after it is made and always knows its own hash.
 * Their names, and their nodes one by one; how they are held and made: `page-slots.ts`, `page-build.ts`.
 */
import type { Digest } from '../bytes/digest.ts';
import { StoreFault } from '../ports/store-fault.ts';
import { EMPTY_PAGE, encodePage, replaceSlots } from './page-build.ts';
import {
  FIRST_SLOT,
  fromRaw,
  isInner,
  NODES,
  type Page,
  pathOf,
  type RawDigest,
  rawHashAt,
  type Slot,
  slotAt,
  toRaw,
} from './page-slots.ts';

/** A key with its value's hash; it stands for every subtree that holds no other leaf. */
export interface Leaf {
  readonly kind: 'leaf';
  /** In no hash but by its path: who has a page can name what it holds. */
  readonly key: string;
  /** SHA-256 of the key's UTF-8 bytes. */
  readonly path: Digest;
  /** SHA-256 of the encoded value. */
  readonly valueHash: Digest;
  readonly hash: Digest;
}

/** In a slot: a subtree of at least two leaves, in a page of its own. */
export interface Child {
  readonly kind: 'child';
  readonly hash: Digest;
  /** The version under which its page is stored: the height of its block, or that of a snapshot. */
  readonly version: number;
}

/** Above the slots: a subtree of at least two leaves. */
interface Inner {
  readonly kind: 'inner';
  readonly hash: Digest;
}

/** A subtree; null is the empty one. */
export type StateNode = Leaf | Child | Inner | null;

/** A node of a page: 1 is its top, node i lies above 2i and 2i + 1, the slots are 16 to 31. */
export function nodeAt(page: Page, index: number): StateNode {
  if (isInner(page, index)) return { kind: 'inner', hash: fromRaw(rawHashAt(page, index)) };
  const slot = slotAt(page, index);
  if (slot === null) return null;
  const hash = fromRaw(slot.hash);
  if (slot.kind === 'child') return { kind: 'child', hash, version: slot.version };
  const { key } = slot;
  return { kind: 'leaf', key, path: pathOf(key), valueHash: fromRaw(slot.valueHash), hash };
}

/** All nodes of a page by their index; place 0 is unused. */
export const nodesOf = (page: Page): StateNode[] =>
  Array.from({ length: NODES }, (_, index) => (index === 0 ? null : nodeAt(page, index)));

/** The stored form of a page with these nodes, of which only the slots are looked at. */
export function encodeNodes(nodes: readonly StateNode[]): Uint8Array {
  return encodePage(replaceSlots(EMPTY_PAGE, nodes.slice(FIRST_SLOT).map(toSlot)));
}

/** A page that holds one leaf only, this many hex digits down. */
export function pageOfLeaf(leaf: Leaf, depth: number): Page {
  const slots: (Slot | undefined)[] = [];
  slots[hexDigit(leaf.path, depth)] = toSlot(leaf);
  return replaceSlots(EMPTY_PAGE, slots);
}

function toSlot(node: StateNode): Slot {
  if (node === null) return null;
  const hash = toRaw(node.hash);
  if (node.kind === 'leaf') {
    return { kind: 'leaf', key: node.key, valueHash: toRaw(node.valueHash), hash };
  }
  if (node.kind === 'child') return { kind: 'child', hash, version: node.version };
  throw new Error('an inner node stands in no slot');
}

/** The value of one hex digit of a path. */
export function hexDigit(path: string, index: number): number {
  const code = path.charCodeAt(index);
  return code < 58 ? code - 48 : code - 87;
}

/**
 * The version of pages that the snapshot of a block's state leaves. No block has it: two invocations of a
 * node may write both at once, and what a page names below it must be there under each name.
 */
export const snapshotVersion = (height: number): number => FIRST_SNAPSHOT + height;
const FIRST_SNAPSHOT = 2 ** 40;

/** The item name of a page; the prefix is the hex digits of the path above it. */
export const pageName = (version: number, prefix: string): string => `page/${version}/${prefix}`;

/** A version of the tree: its hash and where its root page is stored (null: the empty tree). */
export interface TreeRoot {
  readonly hash: Digest;
  readonly version: number | null;
}

/** Looks up a page by item name among uncommitted ancestors' pages, then a cache. */
export type PageLookup = (name: string) => Page | undefined;

/**
 * The page of a subtree, if at hand. Throws a `StoreFault` where it hasn't the hash by which the tree names it.
 */
export function findPage(
  { hash, version }: { readonly hash: RawDigest; readonly version: number },
  prefix: string,
  lookup: PageLookup,
): Page | undefined {
  const name = pageName(version, prefix);
  const page = lookup(name);
  if (page && !page.hashes.startsWith(hash)) {
    const found = fromRaw(rawHashAt(page, 1));
    throw new StoreFault(
      'damaged',
      `The store is damaged: ${name} has the hash ${found}, not ${fromRaw(hash)}`,
    );
  }
  return page;
}
