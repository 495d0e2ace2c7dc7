/**
 * Merkle trees of RFC 9162 §2.1 over SHA-256: roots, inclusion and consistency proofs, and the
 * frontier of an append-only tree that is too large for memory. Leaves are given as leaf hashes.
 * Proofs over stored nodes are planned here as coordinates; fetching them is the caller's.
 */
import { sha256Hex } from './crypto.ts';
import { type Digest, isDigest } from './digest.ts';

/** MTH({}): SHA-256 of nothing, the root of the empty tree. */
const EMPTY_ROOT = sha256Hex(new Uint8Array()) as Digest;

/** SHA-256(0x00 ‖ data), RFC 9162 §2.1.1. */
export function leafHash(data: Uint8Array): Digest {
  if (1 + data.length > leafBytes.length) leafBytes = Buffer.alloc(2 * (1 + data.length));
  leafBytes.set(data, 1);
  return sha256Hex(leafBytes.subarray(0, 1 + data.length)) as Digest;
}

// The first byte stays zero. As below: nothing of it is kept.
let leafBytes = Buffer.alloc(4096);

// One buffer for all calls: hashing is synchronous and leaves nothing behind that matters.
const nodeBytes = Buffer.alloc(65, 1);

/** SHA-256(0x01 ‖ left ‖ right), RFC 9162 §2.1.1. Both must be well-formed digests. */
export function nodeHash(left: Digest, right: Digest): Digest {
  nodeBytes.write(left, 1, 32, 'hex');
  nodeBytes.write(right, 33, 32, 'hex');
  return sha256Hex(nodeBytes) as Digest;
}

/** The Merkle tree hash of the leaves, RFC 9162 §2.1.1. */
export function merkleRoot(leaves: readonly Digest[]): Digest {
  // Pairing neighbours level by level, a last odd one moving up as it is, gives the same tree as
  // the RFC's split at the largest power of two.
  let level = leaves;
  while (level.length > 1) level = levelAbove(level);
  return level[0] ?? EMPTY_ROOT;
}

function levelAbove(level: readonly Digest[]): Digest[] {
  const above: Digest[] = [];
  for (let index = 0; index < level.length; index += 2) {
    const right = level[index + 1];
    above.push(right === undefined ? level[index]! : nodeHash(level[index]!, right));
  }
  return above;
}

/** The inclusion path of a leaf, RFC 9162 §2.1.3.1, lowest sibling first. */
export const inclusionPath = (leaves: readonly Digest[], index: number): Digest[] =>
  inclusionRanges(index, leaves.length).map(({ start, end }) =>
    merkleRoot(leaves.slice(start, end)),
  );

/**
 * The inclusion paths of all leaves (at least one), in order, with their root: the work of one tree,
 * where asking for one path after the other would hash it again for each.
 */
export function inclusionPaths(leaves: readonly Digest[]): {
  readonly root: Digest;
  readonly paths: readonly (readonly Digest[])[];
} {
  const paths: Digest[][] = leaves.map(() => []);
  let level = leaves;
  for (let height = 0; level.length > 1; height++) {
    for (const [index, path] of paths.entries()) {
      // Its ancestor's neighbour; a last odd one moves up without.
      const sibling = level[Math.floor(index / 2 ** height) ^ 1];
      if (sibling !== undefined) path.push(sibling);
    }
    level = levelAbove(level);
  }
  return { root: level[0] ?? EMPTY_ROOT, paths };
}

/** The proof that the first `oldSize` (≥ 1) leaves are a prefix, RFC 9162 §2.1.4.1. */
export const consistencyPath = (leaves: readonly Digest[], oldSize: number): Digest[] =>
  consistencyRanges(oldSize, leaves.length).map(({ start, end }) =>
    merkleRoot(leaves.slice(start, end)),
  );

/** What an inclusion proof claims: `leaf` stands at `index` in the tree of that size and root. */
export interface InclusionClaim {
  readonly leaf: Digest;
  readonly index: number;
  readonly size: number;
  readonly path: readonly Digest[];
  readonly root: Digest;
}

/** Checks an inclusion proof, RFC 9162 §2.1.3.2; false, never an exception, for anything wrong. */
export const verifyInclusion = ({ root, ...rest }: InclusionClaim): boolean =>
  rootFromPath(rest) === root;

/** The root that an inclusion proof leads to, RFC 9162 §2.1.3.2; undefined for a proof that leads nowhere. */
export function rootFromPath({
  leaf,
  index,
  size,
  path,
}: Omit<InclusionClaim, 'root'>): Digest | undefined {
  if (!isNatural(index) || !isNatural(size) || index >= size) return undefined;
  if (!isDigest(leaf) || !path.every(isDigest)) return undefined;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (sn === 0) return undefined;
    if (isOdd(fn) || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 ? hash : undefined;
}

/** What a consistency proof claims: the tree of `newSize` leaves begins with that of `oldSize`. */
export interface ConsistencyClaim {
  readonly oldSize: number;
  readonly newSize: number;
  readonly oldRoot: Digest;
  readonly newRoot: Digest;
  readonly path: readonly Digest[];
}

/**
 * Checks a consistency proof, RFC 9162 §2.1.4.2; false, never an exception, for anything wrong.
 * Equal sizes need equal roots and an empty path; from the empty tree there is nothing to prove.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { oldSize, newSize, oldRoot, newRoot, path } = claim;
  if (!isNatural(oldSize) || !isNatural(newSize)) return false;
  if (oldSize < 1 || oldSize > newSize) return false;
  if (oldSize === newSize) return path.length === 0 && oldRoot === newRoot;
  if (path.length === 0 || !isDigest(oldRoot) || !path.every(isDigest)) return false;
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (isOdd(fn)) [fn, sn] = [half(fn), half(sn)];
  // A perfect old tree is a node of the new one, so its root stands for the path's first element.
  const [first, ...rest] = fn === 0 ? [oldRoot, ...path] : path;
  let oldHash = first!;
  let newHash = first!;
  for (const sibling of rest) {
    if (sn === 0) return false;
    if (isOdd(fn) || fn === sn) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (!isOdd(fn) && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && oldHash === oldRoot && newHash === newRoot;
}

/** The root of a perfect subtree: of the 2^level leaves from index · 2^level on. */
export interface NodePlace {
  readonly level: number;
  readonly index: number;
}

/** A perfect subtree's root with its hash: final as soon as its last leaf is there. */
export interface NodeHash extends NodePlace {
  readonly hash: Digest;
}

/** All that appending needs of a tree: the roots of its perfect subtrees, the largest first. */
export interface Frontier {
  readonly size: number;
  readonly peaks: readonly Digest[];
}

/** Appends a leaf; `nodes` are the perfect subtrees that it completes, from itself upwards. */
export function appendLeaf(
  { size, peaks }: Frontier,
  leaf: Digest,
): { readonly frontier: Frontier; readonly nodes: readonly NodeHash[] } {
  const rest = [...peaks];
  const nodes: NodeHash[] = [{ level: 0, index: size, hash: leaf }];
  let hash = leaf;
  let index = size;
  for (let level = 1; isOdd(index); level++) {
    hash = nodeHash(rest.pop()!, hash);
    index = half(index);
    nodes.push({ level, index, hash });
  }
  return { frontier: { size: size + 1, peaks: [...rest, hash] }, nodes };
}

/** Where the peaks of the tree of this size stand, the largest first. */
export const frontierPlaces = (size: number): NodePlace[] => perfectNodes({ start: 0, end: size });

/** The Merkle tree hash of the tree that the frontier belongs to. */
export const frontierRoot = ({ peaks }: Frontier): Digest =>
  peaks.length === 0 ? EMPTY_ROOT : fold(peaks);

/** A proof over stored nodes: for each element of its path the nodes that it is folded from. */
export type PathPlan = readonly (readonly NodePlace[])[];

/** The nodes that make up the inclusion path of a leaf in the tree of this size. */
export const inclusionPlan = (index: number, size: number): PathPlan =>
  inclusionRanges(index, size).map(perfectNodes);

/** The nodes that make up the consistency path from `oldSize` (≥ 1) to `newSize`. */
export const consistencyPlan = (oldSize: number, newSize: number): PathPlan =>
  consistencyRanges(oldSize, newSize).map(perfectNodes);

/** Turns the fetched nodes of a plan into the path. */
export const pathFromNodes = (plan: PathPlan, get: (place: NodePlace) => Digest): Digest[] =>
  plan.map((places) => fold(places.map(get)));

/** The leaves of one subtree: from `start` up to, not including, `end`. */
interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/** PATH(m, D_n) of RFC 9162 §2.1.3.1 as the ranges of leaves whose hashes it consists of. */
function inclusionRanges(index: number, size: number): LeafRange[] {
  if (!isNatural(index) || index >= size) throw new RangeError(`no leaf ${index} among ${size}`);
  const ranges: LeafRange[] = [];
  let start = 0;
  let end = size;
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  return ranges.reverse();
}

/** PROOF(m, D_n) of RFC 9162 §2.1.4.1 as the ranges of leaves whose hashes it consists of. */
function consistencyRanges(oldSize: number, size: number): LeafRange[] {
  if (!isNatural(oldSize) || oldSize < 1 || oldSize > size) {
    throw new RangeError(`no consistency proof from size ${oldSize} to ${size}`);
  }
  const ranges: LeafRange[] = [];
  let start = 0;
  let end = size;
  while (end > oldSize) {
    const middle = start + splitOf(end - start);
    if (oldSize <= middle) {
      ranges.push({ start: middle, end });
      end = middle;
    } else {
      ranges.push({ start, end: middle });
      start = middle;
    }
  }
  // The verifier knows the old root; it needs the last subtree only where that is not the old tree.
  if (start > 0) ranges.push({ start, end });
  return ranges.reverse();
}

/** The perfect subtrees of a range that starts at a multiple of its size's power of two. */
function perfectNodes({ start, end }: LeafRange): NodePlace[] {
  const places: NodePlace[] = [];
  let from = start;
  while (from < end) {
    let level = 0;
    while (2 ** (level + 1) <= end - from) level++;
    places.push({ level, index: from / 2 ** level });
    from += 2 ** level;
  }
  return places;
}

/** Joins the roots of neighbouring perfect subtrees, the largest first, into their tree's hash. */
const fold = (peaks: readonly Digest[]): Digest =>
  peaks.reduceRight((right, left) => nodeHash(left, right));

/** The largest power of two smaller than n (n ≥ 2). */
function splitOf(n: number): number {
  let power = 1;
  while (power * 2 < n) power *= 2;
  return power;
}

// Bit operators would cut sizes down to 32 bits.
const isNatural = (n: number): boolean => Number.isSafeInteger(n) && n >= 0;
const isOdd = (n: number): boolean => n % 2 === 1;
const half = (n: number): number => Math.floor(n / 2);
