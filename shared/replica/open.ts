/**
 * Opens a replica from what is durable: the head, the safety record, the uncommitted blocks between
 * them, the held transactions. Recovery is the normal path run again: blocks are inserted, not trusted.
 */

import { decodeLoosely } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { fromHex } from '../bytes/text.ts';
import { decodeLeaders, EVERYBODY } from '../consensus/leaders.ts';
import { decodeRecord, encodeRecord } from '../consensus/record.ts';
import { acceptLoss, markRestored } from '../consensus/restored.ts';
import { currentRound, emptyRecord, enterEpoch, type SafetyRecord } from '../consensus/safety.ts';
import { StatementBook } from '../consensus/statement-book.ts';
import { TimeoutTally } from '../consensus/tally.ts';
import type { ValidatorSet } from '../consensus/validators.ts';
import { LEADERS_KEY } from '../execution/block-execution.ts';
import { genesisBlock } from '../execution/genesis-block.ts';
import { encodePage } from '../execution/state-tree.ts';
import { type Block, decodeBlock } from '../ledger/block.ts';
import { ledgerId } from '../ledger/genesis.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction } from '../ledger/transaction.ts';
import { Mempool } from '../mempool/mempool.ts';
import { settleAlarm } from './alarm.ts';
import { adoptCertificates, checkQc, commitHighest, insert, Refused } from './chain.ts';
import { FinalState } from './final-state.ts';
import { GenerationalCache } from './generational-cache.ts';
import { decodeEpoch, decodeHead, encodeEpoch, encodeHead, type StoredHead } from './head.ts';
import { finalityItem } from './history.ts';
import { itemName } from './items.ts';
import { Lock } from './lock.ts';
import { noRecovery } from './recover.ts';
import type { Replica, ReplicaOptions } from './replica.ts';
import { witness } from './witness.ts';

/** Transactions given up that are remembered, so that their status can be told. */
const EXPIRED_MAX = 20_000;

/** Opens the replica of a node, creating block 0 on first use. Throws a sentence that says what is wrong. */
export async function openReplica(options: ReplicaOptions): Promise<Replica> {
  const { genesis, ports } = options;
  const ledger = ledgerId(genesis);
  const { stored, version } = await readHead(options, ledger);
  const { epoch, start } = await readEpoch(options, stored.epoch);
  const record = await readRecord(options, stored, epoch.set, start);
  const [leaders] = await ports.state.get([LEADERS_KEY], stored.header.height!);
  const head = {
    ...stored,
    next: null,
    leaders: leaders ? decodeLeaders(decodeLoosely(leaders)) : EVERYBODY,
  };
  const replica: Replica = {
    ...options,
    ledger,
    lock: new Lock(),
    mempool: new Mempool(),
    final: new FinalState(ports.state, stored.header.height!),
    waiters: new Map(),
    expired: new GenerationalCache(EXPIRED_MAX),
    commitListeners: new Set(),
    record,
    durableRecord: record,
    headVersion: version,
    head,
    epoch,
    epochStart: start,
    pending: new Map(),
    timeouts: new TimeoutTally(epoch.set),
    book: new StatementBook(epoch.set, currentRound(record), (found) => witness(replica, found)),
    evidenceListeners: new Set(),
    rings: 0,
    alarmAt: null,
    driving: null,
    driveAgain: false,
    advanceListeners: new Set(),
    ownTimeout: null,
    msPerTransaction: 1,
    proposalsUnderWay: new Map(),
    catchingUp: new Map(),
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

async function readHead(
  options: ReplicaOptions,
  ledger: Digest,
): Promise<{ stored: StoredHead; version: number }> {
  const { genesis, ports } = options;
  const read = await ports.heads.read('head');
  if (read) {
    const stored = decodeHead(read.bytes);
    if (stored.header.ledger !== ledger) {
      throw new Error(
        `the store holds ledger ${stored.header.ledger}, the genesis document is ledger ${ledger}`,
      );
    }
    return { stored, version: read.version };
  }
  const { point, epoch, values, pages } = genesisBlock(genesis);
  await createRecord(options, point.id);
  await ports.state.write({
    height: 0,
    values: [...values],
    items: [
      ...[...pages].map(([name, page]) => [name, encodePage(page)] as const),
      [itemName.blockAt(0), fromHex(point.id)],
      [itemName.epoch(1), encodeEpoch(epoch, point.id)],
    ],
  });
  const bytes = encodeHead(point);
  if (!(await ports.heads.swap('head', 0, { version: 1, bytes }))) {
    throw new Error('another process is creating the same store');
  }
  return { stored: decodeHead(bytes), version: 1 };
}

async function readEpoch({ ports }: ReplicaOptions, number: number) {
  const [bytes] = await ports.state.items([itemName.epoch(number)]);
  if (!bytes) throw new Error(`the store lacks the item of epoch ${number}`);
  return decodeEpoch(bytes);
}

/** The name of no store: a head without a safety record has lost it. */
const NO_STORE = '';

/** A new store has its record before it has a head, so that a copy of it always names its store. */
async function createRecord({ ports, store, restored }: ReplicaOptions, start: Digest) {
  if (await ports.heads.read('safety')) return;
  const empty = emptyRecord(store, 1, start);
  const record = { ...(restored ? markRestored(empty, store) : empty), version: 1 };
  const next = { version: record.version, bytes: encodeRecord(record) };
  if (await ports.heads.swap('safety', 0, next)) return;
  throw new Error('another process is creating the same store');
}

async function readRecord(
  options: ReplicaOptions,
  head: StoredHead,
  set: ValidatorSet,
  start: Digest,
): Promise<SafetyRecord> {
  const { ports, store, log } = options;
  const bytes = (await ports.heads.read('safety'))?.bytes;
  const stored = bytes ? decodeRecord(bytes) : emptyRecord(NO_STORE, set.epoch, start);
  // A crash between moving the head over an epoch's end and entering the next one.
  const lastRound = head.id === start ? head.header.round : 0;
  const record = enterEpoch(stored, set.epoch, start, lastRound);
  const isRestored = options.restored || record.store !== store;
  const marked = isRestored ? markRestored(record, store) : record;
  const opened = options.acceptLoss ? acceptLoss(marked, set) : marked;
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
  const final = ids.filter((_, index) => {
    const place = places[index];
    return place && (decodeLoosely(place) as [number])[0] <= replica.head.header.height!;
  });
  for (const id of final) replica.mempool.remove(id);
  if (final.length > 0) await replica.ports.mempool.remove(final);
}
