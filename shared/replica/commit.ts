/**
 * Commit: what final blocks leave behind is written first, then the head moves by one
 * compare-and-swap, then this process is told. A crash before the swap repeats the writes with the
 * same content; a crash after it repeats nothing.
 */
import { type Cbor, encodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { fromHex } from '../bytes/text.ts';
import { enterEpoch } from '../consensus/safety.ts';
import { TimeoutTally } from '../consensus/tally.ts';
import type { VerifiedQc } from '../consensus/validators.ts';
import type { ChainPoint } from '../execution/execute-block.ts';
import { encodePage } from '../execution/state-tree.ts';
import { encodeHeader } from '../ledger/block.ts';
import { encodeQc } from '../ledger/certificate.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { StateBatch } from '../ports/state-store.ts';
import { settleAlarm } from './alarm.ts';
import { holdsErasure, lookForErasures } from './erasures.ts';
import { expire, release } from './expire.ts';
import { encodeHandover, type Finality } from './handover.ts';
import { decodeHead, encodeEpoch, encodeHead } from './head.ts';
import { itemName } from './items.ts';
import { type PendingBlock, type Replica, Superseded, uncommitted } from './replica.ts';
import { applyRetention } from './retention.ts';
import { putBack } from './take-back.ts';
import { openBook } from './witness.ts';

/**
 * Commits the block `last` and its ancestors above the head. `certified` is the descendant whose
 * certificate `qc` makes them final.
 */
export async function commit(
  replica: Replica,
  last: Digest,
  certified: PendingBlock,
  qc: VerifiedQc,
): Promise<void> {
  // Closing blocks of an epoch have no height: finality stops at the epoch's last block.
  const final = uncommitted(replica, last)
    .filter((block) => block.execution !== null)
    .reverse();
  if (final.length === 0) return;
  const chain = uncommitted(replica, certified.id).reverse();
  await writeAll(
    replica,
    final.map((block) => batchOf(block, finalityOf(block, chain, qc))),
  );
  const newest = final.at(-1)!;
  const { id, header, tree, history, next, leaders } = newest;
  await moveHead(replica, { id, header, tree, history, next, leaders });
  // From here to the end nothing may fail: a head that moved with half of what goes with it would stay so.
  for (const block of final) settle(replica, block);
  if (newest.next) startEpoch(replica, newest);
  await dropOthers(replica);
  for (const block of final) {
    for (const listener of replica.commitListeners) listener(block.header.height!);
  }
  if (final.some(({ execution }) => execution && holdsErasure(execution.writes))) {
    lookForErasures(replica);
  }
  applyRetention(replica);
  settleAlarm(
    replica,
    final.some((block) => block.ids.size > 0),
  );
}

/** Writes what blocks leave behind: in their order where they change the state, the others side by side. */
async function writeAll({ ports }: Replica, batches: readonly StateBatch[]): Promise<void> {
  const isEmpty = ({ values }: StateBatch): boolean => values.length === 0;
  const inOrder = async (): Promise<void> => {
    for (const batch of batches) if (!isEmpty(batch)) await ports.state.write(batch);
  };
  await Promise.all([
    inOrder(),
    ...batches.filter(isEmpty).map((batch) => ports.state.write(batch)),
  ]);
}

/**
 * Why a block is final, in short: the chain from its child on to the first block in the round right
 * after its parent's, with that one's certificate.
 */
function finalityOf(block: PendingBlock, chain: readonly PendingBlock[], qc: VerifiedQc): Finality {
  const descendants: Uint8Array[] = [];
  for (let index = chain.indexOf(block) + 1; index < chain.length; index++) {
    const { header } = chain[index]!;
    descendants.push(encodeHeader(header));
    if (header.round !== header.parentRound + 1) continue;
    const certificate = chain[index + 1]?.block.qc ?? qc;
    return { header: encodeHeader(block.header), descendants, certificate };
  }
  throw new Error(`nothing makes block ${block.id} final`);
}

function batchOf(block: PendingBlock, finality: Finality): StateBatch {
  const execution = block.execution!;
  const height = block.header.height!;
  const { descendants, certificate } = finality;
  const { hash, version } = execution.tree;
  const items: [string, Uint8Array][] = [
    [itemName.blockAt(height), fromHex(block.id)],
    [itemName.tree(height), encodeCbor([fromHex(hash), version])],
    [itemName.finality(height), encodeCbor([descendants, encodeQc(certificate)])],
  ];
  for (const [index, { id }] of execution.transactions.entries()) {
    items.push([itemName.transaction(id), encodeCbor([height, index])]);
  }
  if (execution.results.length > 0) {
    items.push([itemName.results(height), encodeCbor(execution.encodedResults as Cbor)]);
  }
  for (const [name, page] of execution.pages) items.push([name, encodePage(page)]);
  for (const { level, index, hash } of execution.historyNodes) {
    items.push([itemName.history(level, index), fromHex(hash)]);
  }
  if (block.next) {
    const { set } = block.next;
    items.push([itemName.epoch(set.epoch), encodeEpoch(block.next, block.id)]);
    items.push([itemName.handover(set.epoch), encodeHandover({ finality, set })]);
  }
  return { height, values: [...execution.writes], items };
}

async function moveHead(replica: Replica, head: ChainPoint): Promise<void> {
  const { heads } = replica.ports;
  const bytes = encodeHead(head, replica.snapshot);
  for (;;) {
    const version = replica.headVersion + 1;
    if (await heads.swap('head', replica.headVersion, { version, bytes })) {
      replica.headVersion = version;
      break;
    }
    // After a lost reply, or by another invocation of this node: what it wrote is what we wrote.
    const stored = await heads.read('head');
    if (!stored) throw new Error('the head record has disappeared from its store');
    const { id, header, snapshot } = decodeHead(stored.bytes);
    // Taken from a snapshot: the same state, with its pages under other names.
    if (snapshot !== replica.snapshot) throw new Superseded(replica);
    // One that went on further must not be moved back.
    const isBefore = replica.pending.has(id) && header.height! < head.header.height!;
    if (id !== head.id && !isBefore) throw new Superseded(replica);
    replica.headVersion = stored.version;
    if (id === head.id) break;
  }
  replica.head = head;
}

/** Lets go of a final block's transactions, and moves what is at hand of the state along. */
export function settle(replica: Replica, block: PendingBlock): void {
  const { writes, pages } = block.execution!;
  replica.final.advance(block.header.height!, writes, pages, block.ids);
  release(replica, block);
  replica.pace.note(block.ids.size, replica.ports.time.now());
  expire(
    replica,
    replica.mempool.expired(block.header.time).map(({ id }) => id),
  );
}

/**
 * The final last block of an epoch names the next validators; rounds restart. The record is not saved
 * by itself: the first statement of the epoch carries it, and until then the head says as much.
 */
function startEpoch(replica: Replica, last: ChainPoint): void {
  const { epoch } = last.next!.set;
  replica.record = enterEpoch(replica.record, epoch, last.id, last.header.round);
  replica.epoch = last.next!;
  replica.epochStart = last.id;
  replica.timeouts = new TimeoutTally(replica.epoch.set);
  replica.book = openBook(replica);
  replica.ownTimeout = null;
  replica.log('epoch-started', { epoch, validators: replica.epoch.set.validators.length });
}

/** Drops blocks that don't descend from the head; what stood in them is pending again. */
export const dropOthers = (replica: Replica): Promise<void> => putBack(replica, prune(replica));

/** Drops blocks that don't descend from the head, and answers the transactions that stood in them. */
function prune(replica: Replica): Transaction[] {
  const kept = new Map<Digest, PendingBlock>();
  const abandoned: Transaction[] = [];
  // Parents are inserted before their children, and a Map keeps the order of insertion.
  for (const [id, block] of replica.pending) {
    const { parent, epoch } = block.header;
    const descends = parent === replica.head.id || kept.has(parent);
    if (descends && epoch === replica.epoch.set.epoch) {
      kept.set(id, block);
      continue;
    }
    abandoned.push(...(block.execution?.transactions ?? []));
  }
  replica.pending = kept;
  return abandoned;
}
