/**
 * Opens a replica from what is durable: the head, the safety record, the uncommitted blocks between
 * them, the held transactions. Recovery is the normal path run again: blocks are inserted, not trusted.
 */

import type { Digest } from '../bytes/digest.ts';
import { fromHex } from '../bytes/text.ts';
import { encodeRecord } from '../consensus/record.ts';
import { acceptLoss, markRestored } from '../consensus/restored.ts';
import { emptyRecord, type SafetyRecord } from '../consensus/safety.ts';
import { genesisBlock } from '../execution/genesis-block.ts';
import { encodePage } from '../execution/state-tree.ts';
import { ledgerId } from '../ledger/genesis.ts';
import { settleAlarm } from './alarm.ts';
import { assembleReplica } from './assemble.ts';
import { type Durable, readDurable } from './durable.ts';
import { FinalState } from './final-state.ts';
import { decodeHead, encodeEpoch, encodeHead } from './head.ts';
import { itemName } from './items.ts';
import type { Replica, ReplicaOptions } from './replica.ts';
import { restoreMempool, restorePending } from './restore.ts';
import { completeSnapshot } from './snapshot-finish.ts';

/** Opens the replica of a node, creating block 0 on first use. Throws a sentence that says what is wrong. */
export async function openReplica(options: ReplicaOptions): Promise<Replica> {
  const { genesis, ports } = options;
  const ledger = ledgerId(genesis);
  await completeSnapshot(options);
  await openHead(options, ledger);
  const durable = await readDurable(options);
  const record = await openRecord(options, durable);
  const final = new FinalState(ports.state, durable.head.header.height!);
  const replica = assembleReplica(options, { ...durable, ledger, record, final });
  await replica.lock.run(async () => {
    await restorePending(replica);
    await restoreMempool(replica, ports.mempool.list());
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
  const bytes = encodeHead(point, 0);
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
