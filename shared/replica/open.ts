/**
 * Opens a replica from what is durable: the head, the safety record, the uncommitted blocks between
 * them, the held transactions. Recovery is the normal path run again: blocks are inserted, not trusted.
 */

import { decodeLoosely } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { fromHex, utf8 } from '../bytes/text.ts';
import { encodeRecord } from '../consensus/record.ts';
import { acceptLoss, markRestored } from '../consensus/restored.ts';
import { currentRound, emptyRecord, type SafetyRecord } from '../consensus/safety.ts';
import { StatementBook } from '../consensus/statement-book.ts';
import { TimeoutTally } from '../consensus/tally.ts';
import { genesisBlock } from '../execution/genesis-block.ts';
import { encodePage } from '../execution/state-tree.ts';
import { type Block, decodeBlock } from '../ledger/block.ts';
import { ledgerId } from '../ledger/genesis.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction } from '../ledger/transaction.ts';
import { Mempool } from '../mempool/mempool.ts';
import { settleAlarm } from './alarm.ts';
import { adoptCertificates, checkQc, commitHighest, insert, Refused } from './chain.ts';
import { type Durable, readDurable } from './durable.ts';
import { FinalState } from './final-state.ts';
import { GenerationalCache } from './generational-cache.ts';
import { decodeHead, encodeEpoch, encodeHead } from './head.ts';
import { finalityItem } from './history.ts';
import { itemName } from './items.ts';
import { Lock } from './lock.ts';
import { noRecovery } from './recover.ts';
import type { Replica, ReplicaOptions } from './replica.ts';
import { completeSnapshot } from './snapshot-finish.ts';
import { witness } from './witness.ts';

/** Transactions given up that are remembered, so that their status can be told. */
const EXPIRED_MAX = 20_000;

/** Opens the replica of a node, creating block 0 on first use. Throws a sentence that says what is wrong. */
export async function openReplica(options: ReplicaOptions): Promise<Replica> {
  const { genesis, ports } = options;
  const ledger = ledgerId(genesis);
  await completeSnapshot(options);
  await openHead(options, ledger);
  const durable = await readDurable(options);
  const { head, headVersion, epoch, epochStart, retained } = durable;
  const record = await openRecord(options, durable);
  const replica: Replica = {
    ...options,
    ledger,
    lock: new Lock(),
    mempool: new Mempool(),
    final: new FinalState(ports.state, head.header.height!),
    waiters: new Map(),
    expired: new GenerationalCache(EXPIRED_MAX),
    commitListeners: new Set(),
    record,
    durableRecord: record,
    headVersion,
    retained,
    head,
    epoch,
    epochStart,
    pending: new Map(),
    timeouts: new TimeoutTally(epoch.set),
    book: new StatementBook(epoch.set, currentRound(record), (found) => witness(replica, found)),
    evidenceListeners: new Set(),
    rings: 0,
    alarmAt: null,
    driving: null,
    driveAgain: false,
    lease: options.invocation === undefined ? null : { holder: options.invocation, until: 0 },
    advanceListeners: new Set(),
    ownTimeout: null,
    msPerTransaction: 1,
    proposalsUnderWay: new Map(),
    catchingUp: new Map(),
    deferCommits: false,
    syncing: null,
    pruning: false,
    outbox: new Map(),
    forwardingTo: null,
    background: new Set(),
    heights: new Map(),
    missing: new Set(),
    recovery: noRecovery(epoch.set.epoch),
    stopped: false,
  };
  await replica.lock.run(async () => {
    await restorePending(replica);
    await restoreMempool(replica);
    settleAlarm(replica, false);
  });
  return replica;
}

/** Checks that the store is of this ledger; makes block 0 in an empty one. */
async function openHead(options: ReplicaOptions, ledger: Digest): Promise<void> {
  const { genesis, ports } = options;
  const read = await ports.heads.read('head');
  if (read) {
    const { header } = decodeHead(read.bytes);
    if (header.ledger === ledger) return;
    throw new Error(
      `the store holds ledger ${header.ledger}, the genesis document is ledger ${ledger}`,
    );
  }
  const { point, epoch, values, pages, created } = genesisBlock(genesis);
  await createRecord(options, point.id);
  await ports.state.write({
    height: 0,
    values: [...values],
    items: [
      ...[...pages].map(([name, page]) => [name, encodePage(page)] as const),
      ...[...created].map(([path, key]) => [itemName.key(path), utf8(key)] as const),
      [itemName.blockAt(0), fromHex(point.id)],
      [itemName.epoch(1), encodeEpoch(epoch, point.id)],
    ],
  });
  const bytes = encodeHead(point);
  if (await ports.heads.swap('head', 0, { version: 1, bytes })) return;
  // Another invocation of this node made the same at the same time.
  await openHead(options, ledger);
}

/** A new store has its record before it has a head, so that a copy of it always names its store. */
async function createRecord({ ports, store, restored }: ReplicaOptions, start: Digest) {
  if (await ports.heads.read('safety')) return;
  const empty = emptyRecord(store, 1, start);
  const record = { ...(restored ? markRestored(empty, store) : empty), version: 1 };
  const next = { version: record.version, bytes: encodeRecord(record) };
  // Lost to another invocation of this node, which wrote the same.
  await ports.heads.swap('safety', 0, next);
}

/** The record to go on from: that of a restored store is marked as such first. */
async function openRecord(
  options: ReplicaOptions,
  { record, epoch }: Durable,
): Promise<SafetyRecord> {
  const { ports, store, log } = options;
  const isRestored = options.restored || record.store !== store;
  const marked = isRestored ? markRestored(record, store) : record;
  const opened = options.acceptLoss ? acceptLoss(marked, epoch.set) : marked;
  if (opened === record) return record;
  // Before anything else: a crash must not bring a record back that may be signed on.
  log('store-restored', { store, signsAgain: opened.floor !== null });
  const saved = { ...opened, version: record.version + 1 };
  const next = { version: saved.version, bytes: encodeRecord(saved) };
  if (await ports.heads.swap('safety', record.version, next)) return saved;
  throw new Error('another process is opening the same store');
}

/** Inserts again, in order, the blocks that the record and the head's finality proof name. */
async function restorePending(replica: Replica): Promise<void> {
  const { statement, highQc } = replica.record;
  const height = replica.head.header.height!;
  // Block 0 needs no proof.
  if (height > 0) {
    const { qc } = await finalityItem(replica, height);
    await insertChain(replica, qc.block);
    const checked = checkQc(replica, qc);
    if (checked) await adoptCertificates(replica, checked, null);
  }
  await insertChain(replica, highQc.block);
  if (statement?.kind === 'vote') await insertChain(replica, statement.block);
  await commitHighest(replica);
}

async function insertChain(replica: Replica, last: Digest): Promise<void> {
  const chain: Block[] = [];
  for (let id = last; id !== replica.head.id && !replica.pending.has(id); ) {
    const bytes = await replica.ports.blocks.get(id);
    if (!bytes) return;
    const block = decodeBlock(bytes);
    const below =
      block.header.height !== null && block.header.height <= replica.head.header.height!;
    if (below || block.header.epoch !== replica.epoch.set.epoch) return;
    chain.push(block);
    id = block.header.parent;
  }
  for (const block of chain.reverse()) {
    const inserted = await insert(replica, block);
    if (inserted instanceof Refused) {
      replica.log('restored-block-refused', { block: block.id, reason: inserted.reason });
      return;
    }
  }
}

async function restoreMempool(replica: Replica): Promise<void> {
  for (const { id, bytes } of await replica.ports.mempool.list()) {
    const transaction = decodeTransaction(bytes);
    if (transaction instanceof Rejected) throw new Error(`the mempool store holds a damaged ${id}`);
    replica.mempool.add(transaction);
  }
  // Those that were committed just before the crash are found final here.
  const ids = [...replica.mempool].map(({ id }) => id);
  const places = await replica.ports.state.items(ids.map((id) => itemName.transaction(id)));
  const { height, time } = replica.head.header;
  const over = ids.filter((id, index) => {
    const place = places[index];
    if (place) return (decodeLoosely(place) as [number])[0] <= height!;
    // Committed before a snapshot so long that its place is not known, or not at all.
    return replica.retained.state > 0 && replica.mempool.get(id)!.body.notAfter < time;
  });
  for (const id of over) replica.mempool.remove(id);
  if (over.length > 0) await replica.ports.mempool.remove(over);
}
