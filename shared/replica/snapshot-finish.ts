/**
 * The end of a state sync: what the state no longer holds is deleted, what its block left behind is
 * written, and the head moves to it. From the moment that the progress record says so, it is done to
 * the end, now or at the next start.
 */
import type { TransactionStatus } from '../api/ledger-service.ts';
import { type Cbor, decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { sha256Hex } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import { frontierPlaces } from '../bytes/merkle.ts';
import { fromHex } from '../bytes/text.ts';
import { encodeRecord } from '../consensus/record.ts';
import { adopt, type SafetyRecord } from '../consensus/safety.ts';
import { TimeoutTally } from '../consensus/tally.ts';
import { validatorsHash } from '../consensus/validators.ts';
import { epochOf, RECENT_PREFIX } from '../execution/block-execution.ts';
import { findLeaf, type TreeRoot } from '../execution/state-tree.ts';
import { Misses, prefixRange } from '../execution/view.ts';
import { blockId, decodeHeader } from '../ledger/block.ts';
import { encodeQc } from '../ledger/certificate.ts';
import type { StateBatch } from '../ports/state-store.ts';
import { settleAlarm } from './alarm.ts';
import type { CheckedAnchor } from './anchor.ts';
import { readDurable, readEpoch, readRecord } from './durable.ts';
import { end } from './expire.ts';
import { decodeHandover } from './handover.ts';
import { decodeHead, encodeEpoch, encodeHead } from './head.ts';
import { placeOf } from './history.ts';
import { itemName } from './items.ts';
import { Snapshot } from './query.ts';
import { pause, type Replica, type ReplicaOptions } from './replica.ts';
import { writeRetained } from './retained.ts';
import {
  endProgress,
  readProgress,
  type SnapshotProgress,
  treeOf,
  writeProgress,
} from './snapshot-progress.ts';
import { openBook } from './witness.ts';

const PAGE = 512;
/** Above every key: the last character there is. */
const END = '\u{10ffff}';

/** Finishes a sync whose tree is complete and durable. Answers whether the head moved. */
export async function finishSnapshot(
  replica: Replica,
  progress: SnapshotProgress,
  tree: TreeRoot,
): Promise<boolean> {
  await reconcile(replica, progress, tree);
  await rememberRecent(replica, progress);
  const moved = await replica.lock.run(async () => {
    if (replica.stopped || replica.head.header.height !== progress.base) return false;
    if (!mayMoveTo(replica.record, progress.anchor)) {
      replica.log('snapshot-given-up', { reason: 'a higher certificate is at hand' });
      await endProgress(replica.ports.heads);
      return false;
    }
    await replica.ports.state.write(await itemsOf(replica, progress, tree));
    await writeProgress(replica.ports.heads, { ...progress, rootVersion: tree.version });
    await untilDone(replica, async () => {
      await completeSnapshot(replica);
      await restart(replica);
    });
    return !replica.stopped;
  });
  if (!moved) return false;
  const { height } = progress.anchor;
  replica.log('snapshot-taken', { height, parts: progress.parts, bytes: progress.bytes });
  await letGo(replica);
  for (const listener of replica.commitListeners) listener(height);
  return true;
}

const RETRY_MS = 100;

/**
 * Repeats what may have had a part of its effect when its store failed: between its parts what this
 * replica remembers is not what is stored, so nothing else may be done then. Under the lock.
 */
async function untilDone(replica: Replica, attempt: () => Promise<void>): Promise<void> {
  while (!replica.stopped) {
    try {
      return await attempt();
    } catch (error) {
      replica.log('snapshot-not-finished', { error: String(error) });
      await pause(replica, RETRY_MS);
    }
  }
}

/**
 * Moves head, safety record and what is kept to a sync that is ready; does nothing where none is.
 * Each step may have been done before a crash.
 */
export async function completeSnapshot(options: ReplicaOptions): Promise<void> {
  const { heads } = options.ports;
  const epochSet = async (epoch: number) => (await readEpoch(options.ports.state, epoch)).epoch.set;
  const begun = await heads.read('snapshot');
  // Before it is ready, the epoch of the anchor may not be known here by its item.
  if (!begun || !isReady(begun.bytes)) return;
  const progress = await readProgress(heads, epochSet);
  if (!progress) return;
  const { anchor } = progress;
  const { id, header, history, height, qc } = anchor;
  const head = { id, header, tree: treeOf(progress), history, next: null };
  const before = await heads.read('head');
  if (!before) throw new Error('the store has no head');
  const { id: beforeId, header: beforeHeader } = decodeHead(before.bytes);
  if (beforeId !== id) {
    // A fault of the store between the two, and blocks were executed since.
    if (beforeHeader.height !== progress.base) return endProgress(heads);
    const moved = { version: before.version + 1, bytes: encodeHead(head, height) };
    await swapOrThrow(heads.swap('head', before.version, moved));
  }
  const { start } = await readEpoch(options.ports.state, header.epoch);
  const record = adopt(await readRecord(options, anchor, header.epoch, start), qc, null);
  const next: SafetyRecord = { ...record, version: record.version + 1 };
  const safety = { version: next.version, bytes: encodeRecord(next) };
  await swapOrThrow(heads.swap('safety', record.version, safety));
  await writeRetained(heads, { state: height, bodies: height + 1 });
  await endProgress(heads);
}

const isReady = (bytes: Uint8Array): boolean => {
  const item = decodeCbor(bytes) as Cbor[] | null;
  return item !== null && item[3] !== null;
};

async function swapOrThrow(swapped: Promise<boolean>): Promise<void> {
  if (!(await swapped)) throw new Error('another invocation of this node moved its records');
}

/** Nothing in a record lowers: the block's certificate must be the highest that this node has. */
export function mayMoveTo(record: SafetyRecord, anchor: CheckedAnchor): boolean {
  const { epoch } = anchor.header;
  if (record.epoch !== epoch) return record.epoch < epoch;
  return record.highQc.round < anchor.qc.round;
}

/**
 * Makes the values at the block's height those of its tree: a key that was there before and is not
 * any more is deleted, and a value that another sync left above an older, right one is put back.
 */
async function reconcile(
  replica: Replica,
  progress: SnapshotProgress,
  tree: TreeRoot,
): Promise<void> {
  const { state } = replica.ports;
  const { anchor, base, versions } = progress;
  const { height } = anchor;
  // On a new node nothing but block 0 was there before.
  const before = base === 0 && versions.length === 1 ? 0 : height;
  for (let from = ''; !replica.stopped; ) {
    const entries = await state.scan({ from, to: END, limit: PAGE }, before);
    if (entries.length === 0) return;
    const keys = entries.map(({ key }) => key);
    const values = await state.get(keys, height);
    const changed: [string, Uint8Array | null][] = [];
    for (const [index, key] of keys.entries()) {
      const leaf = await leafOf(replica, tree, key);
      const value = values[index];
      if (!leaf && value) changed.push([key, null]);
      if (!leaf || (value && sha256Hex(value) === leaf)) continue;
      changed.push([key, await olderValue(replica, key, leaf, [...versions, base])]);
    }
    if (changed.length > 0) await state.write({ height, values: changed, items: [] });
    // Keys hold no NUL, so this is the next that there can be.
    from = `${keys.at(-1)!}\u0001`;
  }
}

/** The hash of a key's value in the tree; undefined where it has none. */
async function leafOf(replica: Replica, tree: TreeRoot, key: string): Promise<Digest | undefined> {
  const base = replica.final.base([]);
  for (;;) {
    const found = findLeaf(tree, key, (name) => base.page(name));
    if (!('missing' in found)) return found.valueHash ?? undefined;
    const misses = new Misses();
    misses.pages.add(found.missing);
    await base.fetch(misses);
  }
}

async function olderValue(
  replica: Replica,
  key: string,
  hash: Digest,
  heights: readonly number[],
): Promise<Uint8Array> {
  for (const height of heights) {
    const [value] = await replica.ports.state.get([key], height);
    if (value && sha256Hex(value) === hash) return value;
  }
  throw new Error(`the store lacks the value of ${key} that the state tree has`);
}

/** Dedupe looks transactions up by id: those that may still be repeated stand in the state by block. */
async function rememberRecent(replica: Replica, { anchor }: SnapshotProgress): Promise<void> {
  const { state } = replica.ports;
  const { height } = anchor;
  const range = prefixRange(RECENT_PREFIX, 8);
  for (let { from } = range; ; ) {
    const entries = await state.scan({ ...range, from }, height);
    if (entries.length === 0) return;
    const items = entries.flatMap(({ key, value }) => {
      const [, ids] = decodeCbor(value) as [number, string];
      const at = Number(key.slice(RECENT_PREFIX.length));
      return (ids.match(/.{64}/g) ?? []).map(
        (id, index) => [itemName.transaction(id as Digest), encodeCbor([at, index])] as const,
      );
    });
    await state.write({ height, values: [], items });
    from = `${entries.at(-1)!.key}\u0001`;
  }
}

/** What the block would have left behind, apart from its body, and the epoch that it stands in. */
async function itemsOf(
  replica: Replica,
  { anchor }: SnapshotProgress,
  tree: TreeRoot,
): Promise<StateBatch> {
  const { height, id, header, finality, history } = anchor;
  const { epoch } = header;
  const { descendants, certificate } = finality;
  const items: [string, Uint8Array][] = [
    [itemName.blockAt(height), fromHex(id)],
    [itemName.header(height), finality.header],
    [itemName.tree(height), encodeCbor([fromHex(tree.hash), tree.version])],
    [itemName.finality(height), encodeCbor([descendants, encodeQc(certificate)])],
  ];
  for (const [index, place] of frontierPlaces(height).entries()) {
    items.push([itemName.history(place.level, place.index), fromHex(history.peaks[index]!)]);
  }
  if (epoch > replica.epoch.set.epoch) {
    const inForce = await new Snapshot(replica, height, tree).read((view) =>
      epochOf(replica.ledger, epoch, view),
    );
    if (validatorsHash(inForce.set) !== header.validatorsHash) {
      throw new Error(`the state at ${height} names other validators than its header`);
    }
    items.push([itemName.epoch(epoch), encodeEpoch(inForce, await startOf(replica, epoch))]);
  }
  return { height, values: [], items };
}

async function startOf(replica: Replica, epoch: number): Promise<Digest> {
  const [bytes] = await replica.ports.state.items([itemName.handover(epoch)]);
  if (!bytes) throw new Error(`the store lacks the hand-over to epoch ${epoch}`);
  return blockId(decodeHeader(decodeHandover(bytes, replica.ledger).finality.header));
}

/** Starts anew from what is durable, as opening does. Under the lock. */
async function restart(replica: Replica): Promise<void> {
  const durable = await readDurable(replica);
  const { head, epoch, record } = durable;
  const sameEpoch = epoch.set.epoch === replica.epoch.set.epoch;
  Object.assign(replica, durable);
  replica.durableRecord = record;
  replica.pending = new Map();
  if (!sameEpoch) {
    replica.timeouts = new TimeoutTally(epoch.set);
    replica.book = openBook(replica);
    replica.ownTimeout = null;
  }
  replica.final.restart(head.header.height!);
  for (const listener of [...replica.advanceListeners]) listener();
  settleAlarm(replica, false);
}

/**
 * Lets go of held transactions that are final, or can't be committed any more. Of those too old to be
 * remembered in the state nobody can tell here whether they were committed in the blocks left out.
 */
async function letGo(replica: Replica): Promise<void> {
  const { time } = replica.head.header;
  const gone: TransactionStatus[] = [];
  for (const { id, body } of [...replica.mempool]) {
    const place = await placeOf(replica, id);
    if (place || body.notAfter < time) gone.push({ id, status: 'not-retained', ...place });
  }
  end(replica, gone);
  settleAlarm(replica, false);
}
