/** Builds a leader's next block from what is pending, in a size that it executes in good time. */

import type { Digest } from '../bytes/digest.ts';
import type { VerifiedTc } from '../consensus/validators.ts';
import { closingHeader } from '../execution/execute-block.ts';
import { type Block, blockId } from '../ledger/block.ts';
import { Rejected, type RejectionCode } from '../ledger/rejection.ts';
import { closingBlock, pendingBlock } from './chain.ts';
import { execute } from './execute.ts';
import { expire } from './expire.ts';
import { needsCommit, type PendingBlock, pointOf, type Replica, uncommitted } from './replica.ts';

/** The block on top of the highest certificate; undefined where there is nothing to put into one. */
export async function build(
  replica: Replica,
  round: number,
  tc: VerifiedTc | null,
): Promise<PendingBlock | undefined> {
  const { record, epoch } = replica;
  const { highQc } = record;
  const parent = pointOf(replica, highQc.block)!;
  const time = Math.max(replica.ports.time.now(), parent.header.time);
  const place = { round, parentRound: highQc.round, author: replica.member, time };
  const unfinished = needsCommit(replica, parent.id);
  if (parent.next && parent.header.epoch === epoch.set.epoch) {
    const header = closingHeader(parent, epoch, place);
    const block: Block = { id: blockId(header), header, transactions: [], qc: highQc, tc };
    return closingBlock(block, parent);
  }
  const ancestors = uncommitted(replica, parent.id);
  const limits = blockLimits(replica);
  const { mempool } = replica;
  const candidates = mempool.select(
    limits,
    (id) => mempool.get(id)!.body.notAfter < time || ancestors.some(({ ids }) => ids.has(id)),
  );
  if (candidates.length === 0 && !unfinished) return undefined;
  const mode = { kind: 'build', ...limits } as const;
  const started = replica.ports.time.now();
  const execution = await execute(replica, parent, place, mode, candidates);
  notePace(replica, candidates.length, replica.ports.time.now() - started);
  if (execution instanceof Rejected) throw new Error('building a block never refuses one');
  for (const { transaction, rejected } of execution.dropped) {
    drop(replica, transaction.id, rejected.rejection.code);
  }
  if (execution.transactions.length === 0 && !unfinished) return undefined;
  const block: Block = {
    id: blockId(execution.header),
    header: execution.header,
    transactions: execution.transactions.map(({ bytes }) => bytes),
    qc: highQc,
    tc,
  };
  return pendingBlock(block, execution);
}

/** A block is built within this part of the base timeout: a larger one would look like a dead leader. */
export const BUILD_PART = 1 / 8;
const TRANSACTIONS_MIN = 32;

/** What the ledger allows, and what this leader can execute in good time at its present pace. */
function blockLimits(replica: Replica): { bytesMax: number; transactionsMax: number } {
  const { blockBytes, blockTransactions, baseTimeoutMs } = replica.epoch.parameters;
  const inTime = Math.floor((baseTimeoutMs * BUILD_PART) / replica.msPerTransaction);
  const transactionsMax = Math.min(blockTransactions, Math.max(TRANSACTIONS_MIN, inTime));
  return { bytesMax: blockBytes, transactionsMax };
}

/** Learns the pace from blocks that are large enough to tell. */
function notePace(replica: Replica, transactions: number, elapsedMs: number): void {
  if (transactions < TRANSACTIONS_MIN / 2) return;
  const measured = Math.max(0.01, elapsedMs / transactions);
  replica.msPerTransaction = 0.7 * replica.msPerTransaction + 0.3 * measured;
}

/**
 * A pending transaction that may not stand in a block leaves the mempool, unless it is only early, or
 * late: a late one may stand in a block that this node has not seen, until the ledger's time has passed it.
 */
function drop(replica: Replica, id: Digest, code: RejectionCode): void {
  if (code === 'not-after-too-far' || code === 'expired') return;
  replica.log('transaction-dropped', { id, code });
  expire(replica, [id]);
}
