/**
 * Proofs that a key has a value in the state, or has none. Siblings run from the root downwards, one
 * a level, to where the key's path ends: at its leaf, at another key's leaf, or at nothing.
 * Verifying needs no page and no trust.
 */
import { type Digest, isDigest, taggedDigest, ZERO_DIGEST } from '../bytes/digest.ts';
import { fromHex } from '../bytes/text.ts';
import { FIRST_SLOT, fromRaw, isInner, pathOf, rawHashAt, slotAt, toRaw } from './page-slots.ts';
import { findPage, hexDigit, type PageLookup, pageName, type TreeRoot } from './state-page.ts';

/** The other key's leaf that stands where an absent key would. */
export interface OtherLeaf {
  readonly path: Digest;
  readonly valueHash: Digest;
}

export interface KeyProof {
  readonly siblings: Digest[];
  /** Null for a present key, and where nothing stands in an absent key's place. */
  readonly other: OtherLeaf | null;
  readonly present: boolean;
}

/** Proves a key's presence or absence; or names the page to fetch first. */
export function proveKey(
  root: TreeRoot,
  key: string,
  page: PageLookup,
): KeyProof | { readonly missing: string[] } {
  const path = pathOf(key);
  const siblings: Digest[] = [];
  if (root.version === null) return { siblings, other: null, present: false };
  let place = { hash: toRaw(root.hash), version: root.version };
  for (let depth = 0; ; depth++) {
    const prefix = path.slice(0, depth);
    const found = findPage(place, prefix, page);
    if (!found) return { missing: [pageName(place.version, prefix)] };
    let index = 1;
    for (let level = 4 * depth; isInner(found, index); level++) {
      index = 2 * index + bit(path, level);
      siblings.push(fromRaw(rawHashAt(found, index ^ 1)));
    }
    const slot = slotAt(found, index);
    if (slot === null) return { siblings, other: null, present: false };
    if (slot.kind === 'leaf') {
      if (slot.key === key) return { siblings, other: null, present: true };
      const other = { path: pathOf(slot.key), valueHash: fromRaw(slot.valueHash) };
      return { siblings, other, present: false };
    }
    place = slot;
  }
}

/** The hash of a key's value in a tree, null where it has none; or the name of the page to fetch first. */
export function findLeaf(
  root: TreeRoot,
  key: string,
  page: PageLookup,
): { readonly valueHash: Digest | null } | { readonly missing: string } {
  const path = pathOf(key);
  if (root.version === null) return { valueHash: null };
  let place = { hash: toRaw(root.hash), version: root.version };
  for (let depth = 0; ; depth++) {
    const prefix = path.slice(0, depth);
    const found = findPage(place, prefix, page);
    if (!found) return { missing: pageName(place.version, prefix) };
    const slot = slotAt(found, FIRST_SLOT + hexDigit(path, depth));
    if (slot?.kind === 'child') place = slot;
    else return { valueHash: slot?.key === key ? fromRaw(slot.valueHash) : null };
  }
}

/** What a state proof claims. */
export interface StateClaim {
  readonly root: Digest;
  readonly key: string;
  /** SHA-256 of the encoded value, or null: the key is absent. */
  readonly valueHash: Digest | null;
  readonly siblings: readonly Digest[];
  readonly other: OtherLeaf | null;
}

/** Checks a state proof; false, never an exception, for anything wrong. */
export function verifyKey({ root, key, valueHash, siblings, other }: StateClaim): boolean {
  if (siblings.length > 256 || !siblings.every(isDigest)) return false;
  const path = pathOf(key);
  const terminal = terminalHash(path, valueHash, other, siblings.length);
  if (terminal === undefined) return false;
  let hash = terminal;
  for (let level = siblings.length - 1; level >= 0; level--) {
    const sibling = siblings[level]!;
    hash = bit(path, level) === 0 ? hashNode(hash, sibling) : hashNode(sibling, hash);
  }
  return hash === root;
}

/** Hash of what stands at the end of the path, `depth` bits down; undefined if it can't be there. */
function terminalHash(
  path: Digest,
  valueHash: Digest | null,
  other: OtherLeaf | null,
  depth: number,
): Digest | undefined {
  if (valueHash !== null) {
    return other === null && isDigest(valueHash) ? hashLeaf(path, valueHash) : undefined;
  }
  if (other === null) return ZERO_DIGEST;
  if (!isDigest(other.path) || !isDigest(other.valueHash) || other.path === path) return undefined;
  for (let level = 0; level < depth; level++) {
    if (bit(path, level) !== bit(other.path, level)) return undefined;
  }
  return hashLeaf(other.path, other.valueHash);
}

/** One bit of a path, the most significant first. */
const bit = (path: Digest, index: number): number =>
  (Number.parseInt(path[index >>> 2]!, 16) >>> (3 - (index & 3))) & 1;

/** Hash of a leaf: its path and its value's hash. */
const hashLeaf = (path: Digest, valueHash: Digest): Digest =>
  taggedDigest('fuqi/v1/state-leaf', fromHex(path + valueHash));

/** Hash of a node above at least two leaves: those of its left and its right subtree. */
const hashNode = (left: Digest, right: Digest): Digest =>
  taggedDigest('fuqi/v1/state-node', fromHex(left + right));
