/**
 * Pages of the state tree: four levels of the compact sparse Merkle tree, 16 slots below 15 inner
 * nodes. Promises that a page is never changed after it is made and always knows its own hash.
 * The encoding holds the slots only; inner hashes are derived.
 */
import { type Cbor, decodeCbor } from '../bytes/cbor.ts';
import { writeHead } from '../bytes/cbor-encode.ts';
import { sha256Hex } from '../bytes/crypto.ts';
import { type Digest, type DigestTag, ZERO_DIGEST } from '../bytes/digest.ts';
import { shortLivedCopy } from '../bytes/slab.ts';
import { toHex, utf8 } from '../bytes/text.ts';
import { StoreFault } from '../ports/store-fault.ts';

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

/**
 * The nodes of a page as a binary heap: 1 is its top, node i lies above 2i and 2i + 1, the slots are
 * 16 to 31. Place 0 is unused.
 */
export interface Page {
  readonly nodes: readonly StateNode[];
}

/** Heap index of a page's first slot. */
export const FIRST_SLOT = 16;
const HEAP_SIZE = 32;

/** The nodes of a page without any leaf. */
export const emptyNodes = (): StateNode[] => new Array<StateNode>(HEAP_SIZE).fill(null);

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
  { hash, version }: Pick<Child, 'hash' | 'version'>,
  prefix: string,
  lookup: PageLookup,
): Page | undefined {
  const name = pageName(version, prefix);
  const page = lookup(name);
  const found = page?.nodes[1]?.hash;
  if (page && found !== hash) {
    throw new StoreFault(
      'damaged',
      `The store is damaged: ${name} has the hash ${found}, not ${hash}`,
    );
  }
  return page;
}

/** The path of a key: SHA-256 of its UTF-8 bytes, most significant bit first. */
export const pathOf = (key: string): Digest => sha256Hex(utf8(key)) as Digest;

/** Hash of a leaf: its path and its value's hash. */
export const hashLeaf = pairDigest('fuqi/v1/state-leaf');
/** Hash of a node above at least two leaves: those of its left and its right subtree. */
export const hashNode = pairDigest('fuqi/v1/state-node');

/** The leaf of a key, its path and its value's hash. */
export const leafOf = (key: string, path: Digest, valueHash: Digest): Leaf => ({
  kind: 'leaf',
  key,
  path,
  valueHash,
  hash: hashLeaf(path, valueHash),
});

/** A page that holds one leaf only, this many hex digits down. */
export function pageOfLeaf(leaf: Leaf, depth: number): Page {
  const nodes = emptyNodes();
  const slot = FIRST_SLOT + Number.parseInt(leaf.path[depth]!, 16);
  nodes[slot] = leaf;
  rehash(nodes, 1 << slot);
  return { nodes };
}

/** Hash of a subtree: that of nothing, of its one leaf, or of a node. */
export const hashOf = (node: StateNode): Digest => (node === null ? ZERO_DIGEST : node.hash);

/** Computes the inner nodes above slots that changed; `dirty` has the bit of each such slot set. */
export function rehash(nodes: StateNode[], dirty: number): void {
  let marked = dirty;
  for (let index = FIRST_SLOT - 1; index >= 1; index--) {
    if (((marked >>> (2 * index)) & 3) === 0) continue;
    marked |= 1 << index;
    nodes[index] = above(nodes[2 * index]!, nodes[2 * index + 1]!);
  }
}

/** All slots of a page are marked. */
const ALL_SLOTS = 0xffff << FIRST_SLOT;

// The compact form: no node stands above an empty subtree and nothing, or one single leaf.
function above(left: StateNode, right: StateNode): StateNode {
  if (left === null && (right === null || right.kind === 'leaf')) return right;
  if (right === null && left !== null && left.kind === 'leaf') return left;
  return { kind: 'inner', hash: hashNode(hashOf(left), hashOf(right)) };
}

/**
 * Deterministic CBOR: 16 slots, each null, [key, value hash] or [hash, version]. Written out here, because a
 * block makes thousands of pages and the general encoder, which knows no hex, takes several times longer.
 */
export function encodePage({ nodes }: Page): Uint8Array {
  let at = 0;
  let bytes = reserved(1);
  bytes[at++] = 0x90;
  for (let index = FIRST_SLOT; index < HEAP_SIZE; index++) {
    const slot = nodes[index]!;
    // Room for the heads, the hash and each UTF-16 unit of a key.
    bytes = reserved(at + 64 + (slot?.kind === 'leaf' ? 3 * slot.key.length : 0));
    if (slot === null) {
      bytes[at++] = 0xf6;
      continue;
    }
    bytes[at++] = 0x82;
    if (slot.kind === 'leaf') {
      const length = Buffer.byteLength(slot.key);
      at = writeHead(bytes, at, 3, length);
      bytes.write(slot.key, at, length, 'utf8');
      at = writeHash(bytes, at + length, slot.valueHash);
    } else {
      at = writeHash(bytes, at, slot.hash);
      at = writeHead(bytes, at, 0, (slot as Child).version);
    }
  }
  return shortLivedCopy(bytes, at);
}

let page = Buffer.alloc(8 * 1024);

/** The bytes of the page that is being encoded, at least so many. */
function reserved(size: number): Buffer {
  if (size > page.length) page = Buffer.concat([page], Math.max(size, 2 * page.length));
  return page;
}

/** A byte string of 32 bytes; answers where it ends. */
function writeHash(bytes: Buffer, at: number, hash: Digest): number {
  bytes[at] = 0x58;
  bytes[at + 1] = 0x20;
  bytes.write(hash, at + 2, 32, 'hex');
  return at + 34;
}

/** Reverses `encodePage`; throws an Error where the bytes are no page. */
export function decodePage(bytes: Uint8Array): Page {
  const slots = decodeCbor(bytes);
  if (!Array.isArray(slots) || slots.length !== HEAP_SIZE - FIRST_SLOT) throw new Error(NO_PAGE);
  const nodes = emptyNodes();
  for (const [index, slot] of (slots as Cbor[]).entries()) {
    nodes[FIRST_SLOT + index] = slot === null ? null : decodeSlot(slot);
  }
  rehash(nodes, ALL_SLOTS);
  return { nodes };
}

const NO_PAGE = 'not a page of the state tree';

function decodeSlot(slot: Cbor): Leaf | Child {
  if (!Array.isArray(slot) || slot.length !== 2) throw new Error(NO_PAGE);
  const [first, second] = slot as Cbor[];
  if (typeof first === 'string') {
    if (!isHash(second)) throw new Error(NO_PAGE);
    return leafOf(first, pathOf(first), toHex(second) as Digest);
  }
  if (!isHash(first)) throw new Error(NO_PAGE);
  const hash = toHex(first) as Digest;
  if (typeof second !== 'number' || second < 0) throw new Error(NO_PAGE);
  return { kind: 'child', hash, version: second };
}

const isHash = (item: Cbor | undefined): item is Uint8Array =>
  item instanceof Uint8Array && item.length === 32;

/** `taggedDigest` of two digests, without its allocations: it runs many times for every block. */
function pairDigest(tag: DigestTag): (first: Digest, second: Digest) => Digest {
  const prefix = utf8(`${tag}\0`);
  const bytes = Buffer.alloc(prefix.length + 64);
  bytes.set(prefix);
  return (first, second) => {
    bytes.write(first, prefix.length, 32, 'hex');
    bytes.write(second, prefix.length + 32, 32, 'hex');
    return sha256Hex(bytes) as Digest;
  };
}
