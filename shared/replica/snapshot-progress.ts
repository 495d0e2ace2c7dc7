/**
 * The durable record of a state sync: which block's state is being taken, and whether all of it is
 * there. Small on purpose: what was fetched is found again by its place in the tree.
 */
import { decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { byteString, list, natural } from '../bytes/cbor-shape.ts';
import type { ValidatorSet } from '../consensus/validators.ts';
import type { TreeRoot } from '../execution/state-tree.ts';
import type { HeadStore } from '../ports/head-store.ts';
import { type CheckedAnchor, checkAnchor, decodeAnchor, encodeAnchor } from './anchor.ts';

export interface SnapshotProgress {
  /** Version of the stored record; 0 before the first. */
  readonly version: number;
  readonly anchor: CheckedAnchor;
  /** Height of this node's head when it began: what it had then is reused. */
  readonly base: number;
  /** Heights whose pages were fetched, the anchor's first: earlier ones were given up half-way. */
  readonly versions: readonly number[];
  /** The version of the root page once everything is there and the head is to move; null before. */
  readonly rootVersion: number | null;
  /** Pages and values made durable so far, and their bytes. */
  readonly parts: number;
  readonly bytes: number;
}

/** The tree of a sync that is complete. */
export const treeOf = ({ anchor, rootVersion }: SnapshotProgress): TreeRoot => ({
  hash: anchor.header.stateRoot,
  version: rootVersion,
});

/** Reads the record; undefined where no sync is under way. `setOf` answers an epoch's validators. */
export async function readProgress(
  heads: HeadStore,
  setOf: (epoch: number) => Promise<ValidatorSet | undefined>,
): Promise<SnapshotProgress | undefined> {
  const read = await heads.read('snapshot');
  const item = read && decodeCbor(read.bytes);
  if (!item) return undefined;
  const [encoded, base, versions, rootVersion, parts, bytes] = list(item, 6);
  const anchor = decodeAnchor(byteString(encoded));
  const set = await setOf(anchor.header.epoch);
  if (!set) throw new Error(`the store lacks the validators of epoch ${anchor.header.epoch}`);
  return {
    version: read.version,
    anchor: checkAnchor(anchor, set),
    base: natural(base),
    versions: list(versions).map(natural),
    rootVersion: rootVersion === null ? null : natural(rootVersion),
    parts: natural(parts),
    bytes: natural(bytes),
  };
}

/** Replaces the record, durably, with all that was written before; answers it with its new version. */
export async function writeProgress(
  heads: HeadStore,
  progress: SnapshotProgress,
): Promise<SnapshotProgress> {
  const { anchor, base, versions, rootVersion, parts, bytes } = progress;
  const item = [encodeAnchor(anchor), base, [...versions], rootVersion, parts, bytes];
  await swap(heads, progress.version, encodeCbor(item));
  return { ...progress, version: progress.version + 1 };
}

/** No sync is under way any more. */
export async function endProgress(heads: HeadStore): Promise<void> {
  await swap(heads, await recordVersion(heads), encodeCbor(null));
}

/** The version of the stored record: what a sync that begins goes on from. */
export const recordVersion = async (heads: HeadStore): Promise<number> =>
  (await heads.read('snapshot'))?.version ?? 0;

async function swap(heads: HeadStore, expected: number, bytes: Uint8Array): Promise<void> {
  if (!(await heads.swap('snapshot', expected, { version: expected + 1, bytes }))) {
    throw new Error('another invocation of this node takes a snapshot');
  }
}
