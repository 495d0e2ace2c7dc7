/**
 * Makes pages of the state tree: from their stored bytes, and from another page with some slots changed.
 * A block makes hundreds: what did not change is copied as it is, and buffers are used again.
 */
import { type Cbor, decodeCbor } from '../bytes/cbor.ts';
import { writeHead } from '../bytes/cbor-encode.ts';
import { sha256Latin1 } from '../bytes/crypto.ts';
import type { Digest, DigestTag } from '../bytes/digest.ts';
import { shortLivedCopy } from '../bytes/slab.ts';
import { utf8 } from '../bytes/text.ts';
import {
  BYTES_HEAD,
  DIGEST_BYTES,
  EMPTY_SLOT,
  FIRST_SLOT,
  hasNode,
  type LeafSlot,
  NODES,
  PAIR,
  type Page,
  pathOf,
  type RawDigest,
  SLOT_LIST,
  type Slot,
  slotEnd,
} from './page-slots.ts';

/** A page of nothing. */
export const EMPTY_PAGE: Page = {
  slots: String.fromCharCode(SLOT_LIST, ...new Array<number>(NODES - FIRST_SLOT).fill(EMPTY_SLOT)),
  hashes: '\0'.repeat(DIGEST_BYTES * (NODES - 1)),
  taken: 0,
  leaves: 0,
};

/** The leaf of a key, its path and its value's hash. */
export function leafSlot(key: string, path: Digest, valueHash: RawDigest): LeafSlot {
  LEAF.bytes.write(path, LEAF.at, DIGEST_BYTES, 'hex');
  LEAF.bytes.write(valueHash, LEAF.at + DIGEST_BYTES, DIGEST_BYTES, 'latin1');
  return { kind: 'leaf', key, valueHash, hash: sha256Latin1(LEAF.bytes) as RawDigest };
}

/** A page with other slots in the places that `changed` has: by the slot's number, 0 to 15. */
export function replaceSlots(page: Page, changed: readonly (Slot | undefined)[]): Page {
  const old = page.slots;
  nodes.write(page.hashes, DIGEST_BYTES, 'latin1');
  let { taken, leaves } = page;
  let dirty = 0;
  let size = old.length;
  for (const slot of changed) size += slotSizeMax(slot);
  reserve(size);
  let at = 0;
  // What was copied of the old slots, and where the one begins that is looked at.
  let copied = 0;
  let from = 1;
  for (let index = FIRST_SLOT; index < NODES; index++) {
    const end = slotEnd(old, from);
    const slot = changed[index - FIRST_SLOT];
    if (slot !== undefined) {
      at += encoded.write(old.slice(copied, from), at, 'latin1');
      at = writeSlot(slot, at);
      copied = end;
      const bit = 1 << index;
      dirty |= bit;
      taken = slot === null ? taken & ~bit : taken | bit;
      leaves = slot?.kind === 'leaf' ? leaves | bit : leaves & ~bit;
      writeNode(index, slot);
    }
    from = end;
  }
  at += encoded.write(old.slice(copied), at, 'latin1');
  return finished(encoded.toString('latin1', 0, at), taken, leaves, dirty);
}

/** The stored form of a page. */
export function encodePage({ slots }: Page): Uint8Array {
  reserve(slots.length);
  return shortLivedCopy(encoded, encoded.write(slots, 0, 'latin1'));
}

/** Reverses `encodePage`; throws an Error where the bytes are no page, or not in their one form. */
export function decodePage(bytes: Uint8Array): Page {
  const slots = decodeItem(bytes);
  expect(Array.isArray(slots) && slots.length === NODES - FIRST_SLOT);
  let taken = 0;
  let leaves = 0;
  nodes.fill(0);
  for (const [index, slot] of slots.entries()) {
    if (slot === null) continue;
    expect(Array.isArray(slot) && slot.length === 2);
    const [first, second] = slot as [Cbor, Cbor];
    const bit = 1 << (FIRST_SLOT + index);
    const at = DIGEST_BYTES * (FIRST_SLOT + index);
    taken |= bit;
    if (typeof first === 'string') {
      expect(isDigestBytes(second));
      leaves |= bit;
      LEAF.bytes.write(pathOf(first), LEAF.at, DIGEST_BYTES, 'hex');
      LEAF.bytes.set(second, LEAF.at + DIGEST_BYTES);
      nodes.write(sha256Latin1(LEAF.bytes), at, DIGEST_BYTES, 'latin1');
      continue;
    }
    expect(isDigestBytes(first) && typeof second === 'number' && second >= 0);
    nodes.set(first, at);
  }
  // Each value has one encoding: these bytes are it.
  const { buffer, byteOffset, byteLength } = bytes;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString('latin1');
  return finished(text, taken, leaves, ALL_SLOTS);
}

/** All slots of a page are changed. */
const ALL_SLOTS = 0xffff << FIRST_SLOT;

/** A page whose slots' hashes stand in `nodes`: derives the nodes above those of `dirty`. */
function finished(slots: string, slotsTaken: number, slotLeaves: number, dirty: number): Page {
  let taken = slotsTaken & ALL_SLOTS;
  let leaves = slotLeaves & ALL_SLOTS;
  let marked = dirty;
  for (let index = FIRST_SLOT - 1; index >= 1; index--) {
    const left = 2 * index;
    const right = left + 1;
    const isDirty = ((marked >>> left) & 3) !== 0;
    if (isDirty) marked |= 1 << index;
    // The compact form: no node stands above an empty subtree and nothing, or one single leaf.
    const passed = !hasNode(taken, left)
      ? passes(taken, leaves, right) && right
      : !hasNode(taken, right) && hasNode(leaves, left) && left;
    if (passed) {
      taken |= ((taken >>> passed) & 1) << index;
      leaves |= ((leaves >>> passed) & 1) << index;
      if (isDirty) copyNode(passed, index);
      continue;
    }
    taken |= 1 << index;
    if (!isDirty) continue;
    nodes.copy(NODE.bytes, NODE.at, DIGEST_BYTES * left, DIGEST_BYTES * (left + 2));
    nodes.write(sha256Latin1(NODE.bytes), DIGEST_BYTES * index, DIGEST_BYTES, 'latin1');
  }
  return { slots, hashes: nodes.toString('latin1', DIGEST_BYTES), taken, leaves };
}

/** Whether a subtree beside nothing stands for both: it is nothing itself, or one leaf. */
const passes = (taken: number, leaves: number, index: number): boolean =>
  !hasNode(taken, index) || hasNode(leaves, index);

/** The hashes of the nodes of the page that is being made, by heap index; place 0 is unused. */
const nodes = Buffer.alloc(DIGEST_BYTES * NODES);
/** Its slots. */
let encoded = Buffer.alloc(8 * 1024);

function reserve(size: number): void {
  if (size > encoded.length) encoded = Buffer.alloc(Math.max(size, 2 * encoded.length));
}

function copyNode(from: number, to: number): void {
  nodes.copyWithin(DIGEST_BYTES * to, DIGEST_BYTES * from, DIGEST_BYTES * (from + 1));
}

function writeNode(index: number, slot: Slot): void {
  const at = DIGEST_BYTES * index;
  if (slot === null) nodes.fill(0, at, at + DIGEST_BYTES);
  else nodes.write(slot.hash, at, DIGEST_BYTES, 'latin1');
}

/** Room for the heads, the hash and each UTF-16 unit of a key. */
const slotSizeMax = (slot: Slot | undefined): number =>
  64 + (slot?.kind === 'leaf' ? 3 * slot.key.length : 0);

/** Writes a slot's encoding; answers where it ends. */
function writeSlot(slot: Slot, from: number): number {
  let at = from;
  if (slot === null) {
    encoded[at++] = EMPTY_SLOT;
    return at;
  }
  encoded[at++] = PAIR;
  if (slot.kind === 'child') return writeHead(encoded, writeDigest(slot.hash, at), 0, slot.version);
  const length = Buffer.byteLength(slot.key);
  at = writeHead(encoded, at, 3, length);
  encoded.write(slot.key, at, length, 'utf8');
  return writeDigest(slot.valueHash, at + length);
}

function writeDigest(digest: RawDigest, at: number): number {
  encoded[at] = BYTES_HEAD;
  encoded[at + 1] = DIGEST_BYTES;
  encoded.write(digest, at + 2, DIGEST_BYTES, 'latin1');
  return at + 2 + DIGEST_BYTES;
}

const NO_PAGE = 'not a page of the state tree';

function decodeItem(bytes: Uint8Array): Cbor {
  try {
    return decodeCbor(bytes);
  } catch (cause) {
    throw new Error(NO_PAGE, { cause });
  }
}

function expect(isSo: boolean): asserts isSo {
  if (!isSo) throw new Error(NO_PAGE);
}

const isDigestBytes = (item: Cbor): item is Uint8Array =>
  item instanceof Uint8Array && item.length === DIGEST_BYTES;

/** What is hashed for a tag and two digests, and where the first of them stands in it. */
function pairOf(tag: DigestTag): { readonly bytes: Buffer; readonly at: number } {
  const prefix = utf8(`${tag}\0`);
  return { bytes: Buffer.concat([prefix, Buffer.alloc(2 * DIGEST_BYTES)]), at: prefix.length };
}

const LEAF = pairOf('fuqi/v1/state-leaf');
const NODE = pairOf('fuqi/v1/state-node');
