/**
 * How a page of the state tree is held: its slots as they are stored, the hashes of its nodes, and which
 * nodes there are. Bytes stand in texts of one byte a character: a cache of thousands of pages is then
 * two objects a page for the garbage collector, not one for each node and each hash. Reading them here,
 * making them in `page-build.ts`.
 */
import { sha256Hex } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import { utf8 } from '../bytes/text.ts';

/** A digest as 32 characters of one byte each: half of its hex text, and its bytes without conversion. */
export type RawDigest = string & { readonly __raw: unique symbol };

/** The 32 bytes of a digest, a character each. */
export const toRaw = (digest: Digest): RawDigest =>
  Buffer.from(digest, 'hex').toString('latin1') as RawDigest;

/** Reverses `toRaw`. */
export const fromRaw = (raw: RawDigest): Digest =>
  Buffer.from(raw, 'latin1').toString('hex') as Digest;

/** The path of a key: SHA-256 of its UTF-8 bytes, most significant bit first. */
export const pathOf = (key: string): Digest => sha256Hex(utf8(key)) as Digest;

/** A key with its value's hash, in a slot. */
export interface LeafSlot {
  readonly kind: 'leaf';
  readonly key: string;
  readonly valueHash: RawDigest;
  readonly hash: RawDigest;
}

/** A subtree of at least two leaves in a page of its own, in a slot. */
export interface ChildSlot {
  readonly kind: 'child';
  readonly hash: RawDigest;
  readonly version: number;
}

/** What stands in a slot; null is the empty subtree. */
export type Slot = LeafSlot | ChildSlot | null;

/** A page, which is never changed after it is made. Nodes are those of a binary heap: 1 is the top, the slots are 16 to 31. */
export interface Page {
  /** The stored form: CBOR of an array of 16 slots, each null, [key, value hash] or [hash, version]. */
  readonly slots: string;
  /** 32 characters for each of the nodes 1 to 31; zeros where there is none. */
  readonly hashes: string;
  /** Bit i is set where node i is no empty subtree. */
  readonly taken: number;
  /** Bit i is set where node i is one leaf. */
  readonly leaves: number;
}

/** Heap index of a page's first slot. */
export const FIRST_SLOT = 16;
/** One more than the heap index of its last slot. */
export const NODES = 32;
/** Bytes of a digest. */
export const DIGEST_BYTES = 32;

/** First bytes of what stands in a page's encoding (RFC 8949, section 3). */
export const SLOT_LIST = 0x90;
export const EMPTY_SLOT = 0xf6;
export const PAIR = 0x82;
/** A byte string with one byte of length. */
export const BYTES_HEAD = 0x58;

/** Whether the bit of a node is set. */
export const hasNode = (bits: number, index: number): boolean => ((bits >>> index) & 1) === 1;

/** The hash of a node. */
export const rawHashAt = ({ hashes }: Page, index: number): RawDigest =>
  hashes.slice(DIGEST_BYTES * (index - 1), DIGEST_BYTES * index) as RawDigest;

/** Whether a node lies above at least two leaves, within its page. */
export const isInner = ({ taken, leaves }: Page, index: number): boolean =>
  index < FIRST_SLOT && hasNode(taken, index) && !hasNode(leaves, index);

/** What stands at a node that is no inner one: in its slot, or as the lone leaf below it. */
export function slotAt(page: Page, node: number): Slot {
  const { taken } = page;
  if (!hasNode(taken, node)) return null;
  let index = node;
  while (index < FIRST_SLOT) index = 2 * index + (hasNode(taken, 2 * index) ? 0 : 1);
  const { slots } = page;
  let at = 1;
  for (let before = FIRST_SLOT; before < index; before++) at = slotEnd(slots, at);
  const hash = rawHashAt(page, index);
  if (!hasNode(page.leaves, index)) {
    const version = readHead(slots, at + 3 + DIGEST_BYTES);
    return { kind: 'child', hash, version };
  }
  const start = at + 1 + headSize(slots, at + 1);
  const end = start + readHead(slots, at + 1);
  const valueHash = slots.slice(end + 2, end + 2 + DIGEST_BYTES) as RawDigest;
  return { kind: 'leaf', key: textOf(slots.slice(start, end)), valueHash, hash };
}

/** Where the slot that begins at `at` ends. */
export function slotEnd(slots: string, at: number): number {
  if (slots.charCodeAt(at) === EMPTY_SLOT) return at + 1;
  if (slots.charCodeAt(at + 1) === BYTES_HEAD) {
    const version = at + 3 + DIGEST_BYTES;
    return version + headSize(slots, version);
  }
  return at + 1 + headSize(slots, at + 1) + readHead(slots, at + 1) + 2 + DIGEST_BYTES;
}

/** How many bytes the head of a number or of a text takes. */
function headSize(slots: string, at: number): number {
  const low = slots.charCodeAt(at) & 0x1f;
  return low < 24 ? 1 : 1 + 2 ** (low - 24);
}

/** The number of a head: of a version itself, of a text its bytes. */
function readHead(slots: string, at: number): number {
  const low = slots.charCodeAt(at) & 0x1f;
  if (low < 24) return low;
  let value = 0;
  for (let index = 1; index <= 2 ** (low - 24); index++) {
    value = value * 256 + slots.charCodeAt(at + index);
  }
  return value;
}

const NOT_ASCII = /[^\0-\x7f]/;

const textOf = (bytes: string): string =>
  NOT_ASCII.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
