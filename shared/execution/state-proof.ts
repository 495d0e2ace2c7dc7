/**
 * Proofs that a key has a value in the state, or has none. Siblings run from the root downwards, one
 * a level, to where the key's path ends: at its leaf, at another key's leaf, or at nothing.
 * Verifying needs no page and no trust.
 */
import { type Digest, isDigest, ZERO_DIGEST } from '../bytes/digest.ts';
import {
  FIRST_SLOT,
  fromRaw,
  hasNode,
  type Page,
  pathOf,
  rawHashAt,
  slotAt,
  slotOfLoneLeaf,
  toRaw,
} from './page-slots.ts';
import {
  findPage,
  hashLeaf,
  hashNode,
  hexDigit,
  type PageLookup,
  pageName,
  type TreeRoot,
} from './state-page.ts';

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
    if (!hasNode(found.taken, index)) return { siblings, other: null, present: false };
    const isLeaf = hasNode(found.leaves, index);
    const slot = slotAt(found, isLeaf ? slotOfLoneLeaf(found, index) : index)!;
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

/** Whether a node lies above at least two leaves, within its page. */
const isInner = ({ taken, leaves }: Page, index: number): boolean =>
  index < FIRST_SLOT && hasNode(taken, index) && !hasNode(leaves, index);

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
