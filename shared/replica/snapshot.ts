/**
 * Taking a snapshot: a node far behind gets the chain of validator sets, a recent final block, and
 * that block's state in parts from whichever members answer. Every part is checked on arrival and
 * durable before the next is asked for, so it goes on after a crash, at another member, and with a
 * newer block, without fetching again what it has.
 */
import type { ValidatorSet } from '../consensus/validators.ts';
import { decodePage, type Page, snapshotVersion, type TreeRoot } from '../execution/state-tree.ts';
import { TreeWalk, type WalkBatch } from '../execution/tree-walk.ts';
import { LIMITS } from '../ledger/limits.ts';
import { type CheckedAnchor, checkAnchor, decodeAnchor } from './anchor.ts';
import { checkHandover, decodeHandover, encodeHandover, type Handover } from './handover.ts';
import { decodeEpoch } from './head.ts';
import { itemName } from './items.ts';
import type { Replica } from './replica.ts';
import { finishSnapshot, mayMoveTo } from './snapshot-finish.ts';
import {
  endProgress,
  readProgress,
  recordVersion,
  type SnapshotProgress,
  writeProgress,
} from './snapshot-progress.ts';
import { askSource, type Sources } from './sources.ts';

/** Heights given up half-way whose pages are still looked for. */
const VERSIONS_MAX = 8;
/** Stored pages looked for at once. */
const STORED_MAX = 256;

/**
 * Takes the state of a final block at least `ahead` blocks above this node's head. Answers whether
 * the head moved; false where nobody has such a block, or not all of its state.
 */
export async function takeSnapshot(
  replica: Replica,
  sources: Sources,
  ahead: number,
): Promise<boolean> {
  const base = replica.head.header.height!;
  let progress = await resumable(replica);
  if (!progress) {
    const anchor = await newestAnchorOf(replica, sources, base + ahead);
    if (!anchor || !mayMoveTo(replica.record, anchor)) return false;
    const { heads } = replica.ports;
    const begun = { version: await recordVersion(heads), anchor, base, versions: [anchor.height] };
    progress = await writeProgress(heads, { ...begun, rootVersion: null, parts: 0, bytes: 0 });
  }
  for (;;) {
    const { height } = progress.anchor;
    replica.log('snapshot-started', { height, parts: progress.parts });
    const fetched = await fetchState(replica, sources, progress);
    progress = fetched.progress;
    if (fetched.tree) return finishSnapshot(replica, progress, fetched.tree);
    if (replica.stopped || replica.head.header.height !== progress.base) return false;
    // Nobody has that state any more: go on with a newer one.
    const anchor = await newestAnchorOf(replica, sources, height + 1);
    if (!anchor) return false;
    const versions = [anchor.height, ...progress.versions].slice(0, VERSIONS_MAX);
    progress = await writeProgress(replica.ports.heads, { ...progress, anchor, versions });
  }
}

/** The sync that was cut off, if it can go on. */
async function resumable(replica: Replica): Promise<SnapshotProgress | undefined> {
  const progress = await readProgress(replica.ports.heads, (epoch) => validatorsOf(replica, epoch));
  if (!progress || progress.base === replica.head.header.height) return progress;
  // Blocks were executed since: what was fetched is no longer what stands beside the head's state.
  await endProgress(replica.ports.heads);
  return undefined;
}

/** The validators of an epoch that this node was in, or was shown a chain of hand-overs to. */
async function validatorsOf(replica: Replica, epoch: number): Promise<ValidatorSet | undefined> {
  const { set } = replica.epoch;
  if (epoch === set.epoch) return set;
  const names = [itemName.handover(epoch), itemName.epoch(epoch)];
  const [shown, own] = await replica.ports.state.items(names);
  if (shown) return decodeHandover(shown, replica.ledger).set;
  // Of an epoch to come a torn write may have left what never became final.
  return own && epoch < set.epoch ? decodeEpoch(own).epoch.set : undefined;
}

/** The highest anchor from this height on that a member can show and that checks. */
async function newestAnchorOf(
  replica: Replica,
  sources: Sources,
  from: number,
): Promise<CheckedAnchor | undefined> {
  const asked = sources.all.map((member) =>
    askSource(replica, member, { kind: 'anchor' }, ({ parts: [part] }) => {
      const anchor = part && decodeAnchor(part);
      return anchor && (anchor.header.height ?? 0) >= from ? { member, anchor } : undefined;
    }),
  );
  const offered = (await Promise.all(asked)).filter((offer) => offer !== undefined);
  offered.sort((a, b) => b.anchor.header.height! - a.anchor.header.height!);
  for (const { member, anchor } of offered) {
    const set = await learnValidators(replica, sources, anchor.header.epoch);
    try {
      if (set) return checkAnchor(anchor, set);
    } catch (error) {
      replica.log('anchor-refused', { member, error: String(error) });
    }
  }
  return undefined;
}

/** The validators of an epoch, along the chain of hand-overs from this node's own; undefined where none leads there. */
async function learnValidators(
  replica: Replica,
  sources: Sources,
  epoch: number,
): Promise<ValidatorSet | undefined> {
  let known = replica.epoch.set;
  if (epoch < known.epoch) return undefined;
  while (known.epoch < epoch) {
    const stored = await validatorsOf(replica, known.epoch + 1);
    if (stored) {
      known = stored;
      continue;
    }
    const from = known;
    const chain = await sources.ask({ kind: 'epochs', after: from.epoch }, ({ parts }) =>
      parts.length > 0 ? checkedChain(replica, from, parts) : undefined,
    );
    if (!chain) {
      replica.log('no-way-to-epoch', { epoch, from: from.epoch });
      return undefined;
    }
    await replica.ports.state.write({
      height: replica.head.header.height!,
      values: [],
      items: chain.map((each) => [itemName.handover(each.set.epoch), encodeHandover(each)]),
    });
    known = chain.at(-1)!.set;
  }
  return known;
}

function checkedChain(
  replica: Replica,
  from: ValidatorSet,
  parts: readonly Uint8Array[],
): Handover[] {
  let set = from;
  return parts.map((part) => {
    const handover = decodeHandover(part, replica.ledger);
    checkHandover(handover, set);
    set = handover.set;
    return handover;
  });
}

/** Walks the tree until all of it is durable, or nobody has the rest. */
async function fetchState(
  replica: Replica,
  sources: Sources,
  begun: SnapshotProgress,
): Promise<{ readonly progress: SnapshotProgress; readonly tree?: TreeRoot }> {
  let progress = begun;
  const { anchor } = begun;
  const versions = begun.versions.map(snapshotVersion);
  const walk = new TreeWalk(anchor.header.stateRoot, versions[0]!, replica.head.tree);
  // A walk that begins has nothing to find again.
  const resumed = begun.parts > 0;
  let lies = 0;
  while (!replica.stopped && replica.head.header.height === progress.base) {
    if (resumed) await takeStored(replica, walk, versions);
    const batch = walk.batch();
    if (batch) {
      progress = await makeDurable(replica, progress, batch);
      walk.stored();
      continue;
    }
    if (walk.root) return { progress, tree: walk.root };
    const answer = await askParts(replica, sources, walk, anchor.height);
    if (answer === 'nobody') break;
    lies = answer === 'lie' ? lies + 1 : 0;
    if (lies > sources.all.length) break;
  }
  return { progress };
}

async function takeStored(
  replica: Replica,
  walk: TreeWalk,
  versions: readonly number[],
): Promise<void> {
  for (;;) {
    const names = walk.storedNames(versions, STORED_MAX);
    const items = await replica.ports.state.items(names);
    const stored = new Map(names.map((name, index) => [name, items[index]]));
    if (!walk.takeStored(versions, STORED_MAX, (name) => stored.get(name))) return;
  }
}

/** Makes a batch durable; what is in it may be built upon then. */
async function makeDurable(
  replica: Replica,
  progress: SnapshotProgress,
  { values, pages }: WalkBatch,
): Promise<SnapshotProgress> {
  const { height } = progress.anchor;
  await replica.ports.state.write({ height, values, items: pages });
  const bytes = [...values, ...pages].reduce((sum, [, { length }]) => sum + length, 0);
  const next = {
    ...progress,
    parts: progress.parts + values.length + pages.length,
    bytes: progress.bytes + bytes,
  };
  return writeProgress(replica.ports.heads, next);
}

/** Asks for what is wanted next and takes what checks. */
async function askParts(
  replica: Replica,
  sources: Sources,
  walk: TreeWalk,
  height: number,
): Promise<'good' | 'lie' | 'nobody'> {
  const places = walk.wanted(LIMITS.snapshotPlacesMax);
  const names = walk.oldNames(places);
  const items = await replica.ports.state.items(names);
  const old = new Map<string, Page>();
  for (const [index, name] of names.entries()) {
    if (items[index]) old.set(name, decodePage(items[index]));
  }
  const parts = await sources.ask({ kind: 'state', height, places }, (reply) =>
    reply.parts.length > 0 ? reply.parts : undefined,
  );
  if (!parts) return 'nobody';
  try {
    walk.take(parts, (name) => old.get(name));
  } catch (error) {
    replica.log('snapshot-part-refused', { member: sources.current, error: String(error) });
    sources.leave();
    return 'lie';
  }
  // A member stops short of what was asked where the rest does not fit; less than that is a trickle.
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  if (parts.length < places.length && bytes < LIMITS.catchUpBytesMax / 2) sources.leave();
  return 'good';
}
