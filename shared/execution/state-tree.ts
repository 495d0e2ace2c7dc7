/**
 * The state as a compact sparse Merkle tree over SHA-256(key): the root is a function of the set of
 * (key, value) only. Updates copy the pages that they change; older roots stay readable. Pages that
 * are not at hand are answered as misses, all at once. Proofs: `state-proof.ts`.
 */
import { sha256Latin1 } from '../bytes/crypto.ts';
import { type Digest, ZERO_DIGEST } from '../bytes/digest.ts';
import { EMPTY_PAGE, leafSlot, replaceSlots } from './page-build.ts';
import {
  type ChildSlot,
  FIRST_SLOT,
  fromRaw,
  hasNode,
  NODES,
  type Page,
  pathOf,
  type RawDigest,
  rawHashAt,
  type Slot,
  slotAt,
  toRaw,
} from './page-slots.ts';
import { findPage, hexDigit, type PageLookup, pageName, type TreeRoot } from './state-page.ts';

export { decodePage, encodePage } from './page-build.ts';
export { type Page, pathOf } from './page-slots.ts';
export {
  encodeNodes,
  nodeAt,
  nodesOf,
  type PageLookup,
  pageName,
  pageOfLeaf,
  type StateNode,
  snapshotVersion,
  type TreeRoot,
} from './state-page.ts';
export { findLeaf, type KeyProof, proveKey, type StateClaim, verifyKey } from './state-proof.ts';

/** The tree that holds nothing. */
export const EMPTY_TREE: TreeRoot = { hash: ZERO_DIGEST, version: null };

/** A tree after its changes with the pages they made, by item name; or the pages to fetch first. */
export type TreeUpdate =
  | {
      readonly root: TreeRoot;
      readonly pages: Map<string, Page>;
    }
  | { readonly missing: string[] };

/**
 * Applies a block's changes (encoded values by key; null deletes) to a tree. The new pages are named
 * after `version`, which no page below `root` has. Changes that change nothing
 * answer the root itself and no pages. Throws where a page isn't the one that the tree names.
 */
export function updateTree(
  root: TreeRoot,
  version: number,
  changes: ReadonlyMap<string, Uint8Array | null>,
  page: PageLookup,
): TreeUpdate {
  const update = new Update(version, sortedChanges(changes), page);
  const before: ChildSlot | null =
    root.version === null ? null : { kind: 'child', hash: toRaw(root.hash), version: root.version };
  const after = update.root(before);
  if (update.missing.length > 0) return { missing: update.missing };
  const { pages } = update;
  if (after === before) return { root, pages };
  const next = after ? { hash: fromRaw(after.hash), version: after.version } : EMPTY_TREE;
  return { root: next, pages };
}

/** A key's path and its new value's hash; null deletes. */
interface Change {
  readonly key: string;
  readonly path: Digest;
  readonly valueHash: RawDigest | null;
}

function sortedChanges(changes: ReadonlyMap<string, Uint8Array | null>): Change[] {
  const list: Change[] = [];
  for (const [key, value] of changes) {
    const valueHash = value && (sha256Latin1(value) as RawDigest);
    list.push({ key, path: pathOf(key), valueHash });
  }
  return list.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** One run over the tree: changes `from` up to `to` fall into the subtree that a call is about. */
class Update {
  readonly pages = new Map<string, Page>();
  readonly missing: string[] = [];
  readonly #version: number;
  readonly #changes: readonly Change[];
  readonly #page: PageLookup;

  constructor(version: number, changes: readonly Change[], page: PageLookup) {
    this.#version = version;
    this.#changes = changes;
    this.#page = page;
  }

  /** The root always has a page of its own, even above a single leaf. */
  root(before: ChildSlot | null): ChildSlot | null {
    if (this.#changes.length === 0) return before;
    return this.#insidePage(before, 0, 0, this.#changes.length) as ChildSlot | null;
  }

  /** The subtree `depth` hex digits down that takes the place of `before`; itself if unchanged. */
  #subtree(before: Slot, depth: number, from: number, to: number): Slot {
    if (to - from === 1 && (before === null || before.kind === 'leaf')) {
      const { key, path, valueHash } = this.#changes[from]!;
      if (before === null || before.key === key) {
        if (valueHash === null) return null;
        return before?.valueHash === valueHash ? before : leafSlot(key, path, valueHash);
      }
      if (valueHash === null) return before;
    }
    return this.#insidePage(before, depth, from, to);
  }

  #insidePage(before: Slot, depth: number, from: number, to: number): Slot {
    const prefix = this.#changes[from]!.path.slice(0, depth);
    const slots = new Array<Slot | undefined>(NODES - FIRST_SLOT).fill(undefined);
    let old = EMPTY_PAGE;
    if (before?.kind === 'child') {
      const page = findPage(before, prefix, this.#page);
      if (!page) {
        this.missing.push(pageName(before.version, prefix));
        return before;
      }
      old = page;
    } else if (before?.kind === 'leaf') {
      // Two or more leaves may meet where there was none, or one: a page of its own, if they do.
      slots[hexDigit(pathOf(before.key), depth)] = before;
    }

    let isChanged = false;
    for (let start = from; start < to; ) {
      const digit = hexDigit(this.#changes[start]!.path, depth);
      let end = start + 1;
      while (end < to && hexDigit(this.#changes[end]!.path, depth) === digit) end++;
      const was = slots[digit] ?? slotAt(old, FIRST_SLOT + digit);
      const next = this.#subtree(was, depth + 1, start, end);
      if (next !== was) {
        slots[digit] = next;
        isChanged = true;
      }
      start = end;
    }
    // Once a page is missing this run only looks for other missing ones.
    if (!isChanged || this.missing.length > 0) return before;

    const page = replaceSlots(old, slots);
    if (!hasNode(page.taken, 1)) return null;
    // A subtree of one leaf is that leaf, so deletions dissolve pages upwards.
    if (hasNode(page.leaves, 1) && depth > 0) return slotAt(page, 1);
    this.pages.set(pageName(this.#version, prefix), page);
    return { kind: 'child', hash: rawHashAt(page, 1), version: this.#version };
  }
}
