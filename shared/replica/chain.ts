/**
 * The chain above the head: inserts certified-parent blocks after executing them, adopts
 * certificates, and commits. Everything here runs under the replica's lock.
 */

import { encodeCbor } from '../bytes/cbor.ts';
import { equalBytes } from '../bytes/text.ts';
import { leaderOf } from '../consensus/leaders.ts';
import { adopt, currentRound } from '../consensus/safety.ts';
import {
  startQc,
  type VerifiedQc,
  type VerifiedTc,
  verifyQc,
  verifyTc,
} from '../consensus/validators.ts';
import { type ChainPoint, closingHeader } from '../execution/execute-block.ts';
import { type Block, blockId, encodeBlock, type Header } from '../ledger/block.ts';
import {
  encodeTc,
  highestQcRound,
  type QuorumCertificate,
  type TimeoutCertificate,
} from '../ledger/certificate.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction, type Transaction } from '../ledger/transaction.ts';
import { restartWait } from './alarm.ts';
import { commit } from './commit.ts';
import { execute } from './execute.ts';
import { followHead } from './follow-store.ts';
import { route } from './forward.ts';
import { type PendingBlock, pointOf, type Replica } from './replica.ts';
import { takeBack } from './take-back.ts';

/**
 * Why a block was not inserted. `unknown-parent`: catch up, then try again. `forged`: no correct leader makes such
 * a block, whatever it knows.
 */
export class Refused {
  readonly reason: string;
  readonly why: 'unknown-parent' | 'forged' | undefined;
  constructor(reason: string, why?: 'unknown-parent' | 'forged') {
    this.reason = reason;
    this.why = why;
  }
}

/** Checks a quorum certificate of the current epoch; round 0 must be the epoch's known start. */
export function checkQc(replica: Replica, qc: QuorumCertificate): VerifiedQc | undefined {
  const { highQc } = replica.record;
  if (qc.round === highQc.round && qc.block === highQc.block && qc.epoch === highQc.epoch) {
    return highQc;
  }
  if (qc.round > 0) {
    const { round, block } = qc;
    const checked = verifyQc(replica.epoch.set, qc, (entry) =>
      replica.book.holdsVote(round, block, entry),
    );
    if (checked) replica.book.sawQc(checked, { checked: true });
    return checked;
  }
  const { epoch } = replica.epoch.set;
  if (qc.epoch !== epoch || qc.block !== replica.epochStart || qc.signatures.length > 0)
    return undefined;
  return startQc(epoch, qc.block);
}

const bytesOf = (tc: TimeoutCertificate): Uint8Array => encodeCbor(encodeTc(tc));

/** Checks a timeout certificate of the current epoch. */
export function checkTc(replica: Replica, tc: TimeoutCertificate): VerifiedTc | undefined {
  const { highTc } = replica.record;
  // Two certificates of one round differ in the QC rounds that they list, and a block stands by its own.
  if (highTc?.round === tc.round && equalBytes(bytesOf(highTc), bytesOf(tc))) return highTc;
  const checked = verifyTc(replica.epoch.set, tc);
  if (checked) replica.book.sawTc(checked, { checked: true });
  return checked;
}

/** An inserted block with its checked certificates, and when its body is durable. */
export interface Inserted {
  readonly block: PendingBlock;
  readonly qc: VerifiedQc;
  readonly tc: VerifiedTc | null;
  readonly stored: Promise<void>;
}

/**
 * Adopts the certificates of a block whose parent is at hand, executes it, checks that its header says the same and stores its
 * body; a timeout certificate takes back blocks without a certificate, so its block is inserted before it. The body may be stored already, or its caller waits for that: it lets go
 * of the block again where it fails (`letGo`).
 */
export async function insert(
  replica: Replica,
  received: Block,
  body: 'new' | 'stored' | 'awaited' = 'new',
): Promise<Inserted | Refused> {
  const { header } = received;
  const { set } = replica.epoch;
  if (header.ledger !== replica.ledger) return new Refused('another ledger');
  if (header.epoch !== set.epoch)
    return new Refused(`epoch ${header.epoch}, expected ${set.epoch}`);
  const qc = checkQc(replica, received.qc);
  if (!qc) return new Refused('a quorum certificate that does not check', 'forged');
  const tc = received.tc ? checkTc(replica, received.tc) : null;
  if (tc === undefined) return new Refused('a timeout certificate that does not check', 'forged');
  // What is kept and passed on are the checked certificates: one that was recognised by its round and
  // block was not read any further, and may have come with junk for signatures.
  const block: Block = { ...received, qc, tc };
  const misplaced = checkPlace(block);
  if (misplaced) return new Refused(misplaced);
  const known = replica.pending.get(block.id);
  if (known) return { block: known, qc, tc, stored: Promise.resolve() };
  const before = pointOf(replica, header.parent);
  if (!before) return new Refused(`parent ${header.parent} is not known`, 'unknown-parent');
  const leader = leaderOf(set, before.leaders, header.round);
  if (header.author !== leader) {
    return new Refused(`author ${header.author}, expected ${leader}`);
  }
  if (header.time < before.header.time) return new Refused('a time before its parent’s');
  // A certificate is good whatever its block turns out to be. Who waits for what it makes final hears of it before this block is
  // executed, and what they send then can stand in the next one.
  if (!tc) await adoptCertificates(replica, qc, null);
  // Its epoch may have ended with that; and what another invocation of this node made final meanwhile may lie above its parent.
  const parent = pointOf(replica, header.parent);
  if (!parent || replica.epoch.set !== set) {
    return new Refused(`a block below what is final at height ${replica.head.header.height}`);
  }
  const inserted = await executeOn(replica, parent, block);
  if (inserted instanceof Refused) return inserted;
  const stored =
    body === 'stored' ? Promise.resolve() : replica.ports.blocks.put(block.id, encodeBlock(block));
  // Whoever waits for it hears of its failure, now or later.
  stored.catch(() => {});
  if (body === 'new') await stored;
  replica.pending.set(block.id, inserted);
  if (tc) await adoptCertificates(replica, qc, tc);
  return { block: inserted, qc, tc, stored };
}

function checkPlace({ header, qc, tc }: Block): string | undefined {
  if (header.round < 1) return 'round 0';
  if (header.parent !== qc.block || header.parentRound !== qc.round) {
    return 'a parent that is not the certified block';
  }
  if (header.round === qc.round + 1) return undefined;
  if (tc && tc.round + 1 === header.round && qc.round >= highestQcRound(tc)) return undefined;
  return `round ${header.round} after a certificate of round ${qc.round}`;
}

async function executeOn(
  replica: Replica,
  parent: ChainPoint,
  block: Block,
): Promise<PendingBlock | Refused> {
  const { header } = block;
  const place = {
    round: header.round,
    parentRound: header.parentRound,
    author: header.author,
    time: header.time,
  };
  if (parent.next && parent.header.epoch === header.epoch) {
    const expected = closingHeader(parent, replica.epoch, place);
    if (blockId(expected) !== block.id || block.transactions.length > 0) {
      return new Refused('a block after its epoch’s last one that is not empty');
    }
    return closingBlock(block, parent);
  }
  const transactions = decodeAll(replica, block.transactions);
  if (transactions instanceof Refused) return transactions;
  const execution = await execute(replica, parent, place, { kind: 'check' }, transactions);
  if (execution instanceof Rejected) {
    const { code } = execution.rejection;
    return new Refused(`a transaction that may not stand in a block: ${code}`, 'forged');
  }
  if (blockId(execution.header) !== block.id) {
    const field = difference(header, execution.header);
    return new Refused(`${field} differs from this node’s execution`, 'forged');
  }
  return pendingBlock(block, execution);
}

/** An executed block as it waits for its commit. */
export function pendingBlock(
  block: Block,
  execution: NonNullable<PendingBlock['execution']>,
): PendingBlock {
  const { header, tree, history, next, leaders } = execution;
  const ids = new Set(execution.transactions.map(({ id }) => id));
  return { id: block.id, header, tree, history, next, leaders, block, execution, ids };
}

/** A block that closes its epoch: the state and the history are its parent's. */
export function closingBlock(block: Block, parent: ChainPoint): PendingBlock {
  const { tree, history, next, leaders } = parent;
  const { id, header } = block;
  return { id, header, tree, history, next, leaders, block, execution: null, ids: new Set() };
}

function decodeAll(replica: Replica, encoded: readonly Uint8Array[]): Transaction[] | Refused {
  const { blockTransactions, blockBytes } = replica.epoch.parameters;
  const bytes = encoded.reduce((sum, item) => sum + item.length, 0);
  if (encoded.length > blockTransactions || bytes > blockBytes) {
    const found = `${encoded.length} transactions of ${bytes} bytes`;
    return new Refused(`${found} are above the limits`, 'forged');
  }
  const transactions: Transaction[] = [];
  for (const item of encoded) {
    const decoded = decodeTransaction(item);
    if (decoded instanceof Rejected) {
      return new Refused('a transaction that can’t be decoded', 'forged');
    }
    // The object in the mempool has its signature checked already, if the bytes are the same.
    const known = replica.mempool.get(decoded.id);
    const same = known && equalBytes(known.bytes, item);
    transactions.push(same ? known : decoded);
  }
  return transactions;
}

function difference(got: Header, expected: Header): string {
  const fields = Object.keys(expected) as (keyof Header)[];
  return fields.find((field) => got[field] !== expected[field]) ?? 'the header';
}

/** Adopts checked certificates, moves to their round, and commits what they make final. */
export async function adoptCertificates(
  replica: Replica,
  qc: VerifiedQc | null,
  tc: VerifiedTc | null,
): Promise<void> {
  // A certificate is of use only with the block that it certifies at hand.
  const usable = qc && pointOf(replica, qc.block) ? qc : null;
  const before = replica.record;
  // Not saved by itself: the next statement's record carries it, and until then it is only news.
  replica.record = adopt(before, usable, tc);
  if (replica.record === before) return;
  replica.timeouts.forgetBefore(currentRound(replica.record));
  replica.book.advance(currentRound(replica.record));
  if (replica.record.highTc !== before.highTc) {
    await takeBack(replica);
    restartWait(replica);
    // The timed-out leader may have taken along what it was brought, and full blocks put off the alarm that would tell.
    // Where a node is many invocations, each would bring the same, and the alarm is the node's own.
    if (!replica.lease) route(replica, replica.mempool);
  }
  if (replica.record.highQc !== before.highQc && !replica.deferCommits)
    await commitHighest(replica);
  for (const listener of [...replica.advanceListeners]) listener();
}

/** Commits what the highest certificate makes final. */
export const commitHighest = (replica: Replica): Promise<void> =>
  commitBy(replica, replica.record.highQc);

/**
 * Commit rule: when a block whose parent has the round just before it is certified, the parent and
 * its ancestors are final. A higher certificate takes nothing of that away.
 */
export async function commitBy(replica: Replica, qc: VerifiedQc): Promise<void> {
  const certified = replica.pending.get(qc.block);
  if (!certified || certified.header.round !== certified.header.parentRound + 1) return;
  const { parent } = certified.header;
  if (!replica.pending.has(parent)) return;
  // Another invocation of this node may have written all of it already. The one that drives is alone.
  if (replica.lease && !replica.driving) await followHead(replica);
  if (replica.pending.has(parent)) await commit(replica, parent, certified, qc);
}
