/**
 * A leader's rounds: propose, collect votes, go on while there is something to commit. A request
 * drives; a burst ends with one empty block that certifies the last full one, and its certificate
 * goes to all. Losing a drive at any point is harmless: safety never depends on it.
 */
import type { Digest } from '../bytes/digest.ts';
import {
  currentRound,
  decideProposal,
  type SafetyRecord,
  signedUpTo,
} from '../consensus/safety.ts';
import { VoteTally } from '../consensus/tally.ts';
import type { VerifiedQc, VerifiedTc } from '../consensus/validators.ts';
import { closingHeader } from '../execution/execute-block.ts';
import { type Block, blockId, encodeBlock } from '../ledger/block.ts';
import type { IndexedSignature } from '../ledger/certificate.ts';
import { Rejected, type RejectionCode } from '../ledger/rejection.ts';
import { act } from './act.ts';
import { settleAlarm } from './alarm.ts';
import { adoptCertificates, closingBlock, commitHighest, pendingBlock } from './chain.ts';
import { execute } from './execute.ts';
import { expire } from './expire.ts';
import { route } from './forward.ts';
import { leaveToDriver, releaseLease, takeHeld, takeLease } from './lease.ts';
import {
  inBackground,
  leaderNow,
  needsCommit,
  otherValidators,
  ownIndex,
  type PendingBlock,
  pause,
  pointOf,
  type Replica,
  uncommitted,
} from './replica.ts';
import { ask, spreadStanding, tellStanding } from './tell.ts';

/** A peer that is slow to answer gets no more than this many proposals at once; it catches up later. */
const PROPOSALS_UNDER_WAY_MAX = 4;

type Proposal = { readonly block: Block; readonly signature: Uint8Array };

/** Starts a drive unless one is under way; then that one looks once more before it ends. */
export function startDrive(replica: Replica): void {
  if (replica.stopped) return;
  if (replica.driveElsewhere) {
    if (leaderNow(replica) === replica.member) replica.driveElsewhere();
    return;
  }
  if (replica.driving) {
    replica.driveAgain = true;
    return;
  }
  replica.driving = drive(replica)
    .catch((error: unknown) => replica.log('drive-failed', { error: String(error) }))
    .finally(() => {
      replica.driving = null;
      if (!replica.driveAgain) return;
      replica.driveAgain = false;
      startDrive(replica);
    });
  inBackground(replica, replica.driving);
}

/** Drives under the node's lease, where its host has several invocations at once. */
async function drive(replica: Replica): Promise<void> {
  if (!replica.lease) return driveRounds(replica, Promise.resolve(true));
  do {
    if (!(await driveLeased(replica))) {
      await leaveToDriver(replica);
      // The one that drives may have looked for the last time just before.
      if (!(await driveLeased(replica))) return;
    }
  } while (!replica.stopped && (await takeHeld(replica)));
}

/** Drives if it gets the lease, and gives it back; answers whether it did. */
async function driveLeased(replica: Replica): Promise<boolean> {
  const lease = takeLease(replica);
  // Heard of where it is waited for, which may be later.
  lease.catch(() => {});
  try {
    await driveRounds(replica, lease);
    return await lease;
  } finally {
    if (await lease) await releaseLease(replica);
  }
}

/** Rounds, one after the other, while there is something to commit. Nothing is signed before `lease` says yes. */
async function driveRounds(replica: Replica, lease: Promise<boolean>): Promise<void> {
  for (let isFirst = true; ; isFirst = false) {
    replica.driveAgain = false;
    await untilAdmitted(replica);
    const proposal = await replica.lock.run(() => propose(replica, lease));
    if (typeof proposal === 'string') {
      if (!isFirst) return endBurst(replica, proposal);
      return replica.lock.run(() => commitHighest(replica));
    }
    const isStillLeased = workBetween(replica);
    isStillLeased.catch(() => {});
    const qc = await collectVotes(replica, proposal);
    if (!qc) return;
    await replica.lock.run(() => adoptForNext(replica, qc));
    // Lost to another, which may not know of this certificate.
    if (!(await isStillLeased)) return endBurst(replica, 'not-leased');
  }
}

/**
 * Lets what arrived together stand in one block: a batch's first line must not have one of its own. Where a
 * replica serves many requests at once there is always one more.
 */
async function untilAdmitted(replica: Replica): Promise<void> {
  if (!replica.lease) return;
  const until = replica.ports.time.now() + replica.epoch.parameters.baseTimeoutMs * BUILD_PART;
  while (replica.admitting > 0 && replica.ports.time.now() < until && !replica.stopped) {
    await pause(replica, ADMITTING_MS);
  }
}

/** What is done while the others vote: the last certificate's commit, and a look at what others hold. */
async function workBetween(replica: Replica): Promise<boolean> {
  await Promise.all([replica.lock.run(() => commitHighest(replica)), takeHeld(replica)]);
  return takeLease(replica);
}

/** Adopts a certificate; what it makes final is committed when the next proposal is out, or the burst over. */
async function adoptForNext(replica: Replica, qc: VerifiedQc): Promise<void> {
  // The next epoch's blocks need the commit of this one's last.
  replica.deferCommits = !uncommitted(replica, qc.block).some(({ next }) => next !== null);
  try {
    await adoptCertificates(replica, qc, null);
  } finally {
    replica.deferCommits = false;
  }
}

/** The last certificate of a burst, or of a tenure, goes to all; a member that hangs holds nobody up. */
async function endBurst(replica: Replica, why: Idle): Promise<void> {
  const { tell } = replica.ports.peers;
  if (tell) inBackground(replica, spreadStanding(replica));
  await replica.lock.run(() => commitHighest(replica));
  if (!tell) inBackground(replica, tellStanding(replica));
  // At a tenure's end the pending transactions go to the next leader.
  if (why === 'not-leader') route(replica, replica.mempool);
}

/** Why nothing was proposed. */
type Idle = 'not-leader' | 'nothing-to-do' | 'blocked' | 'not-leased';

/** Builds, stores and signs this leader's next block. Under the lock. */
async function propose(replica: Replica, lease: Promise<boolean>): Promise<Proposal | Idle> {
  const { record, epoch } = replica;
  const round = currentRound(record);
  if (ownIndex(replica) < 0 || leaderNow(replica) !== replica.member) return 'not-leader';
  const parent = pointOf(replica, record.highQc.block);
  if (!parent) return 'blocked';
  if (signedUpTo(record) >= round) {
    return (await lease) ? repropose(replica, round) : 'not-leased';
  }
  const tc = record.highQc.round === round - 1 ? null : record.highTc;
  const pending = await build(replica, round, tc);
  if (!pending) return 'nothing-to-do';
  if (!(await lease)) return 'not-leased';
  const stored = replica.ports.blocks.put(pending.id, encodeBlock(pending.block));
  const request = {
    epoch: epoch.set.epoch,
    round,
    block: pending.id,
    qc: record.highQc,
    tc,
  };
  const decide = (current: SafetyRecord) => decideProposal(current, replica.ledger, request);
  const [signed] = await Promise.all([act(replica, decide, stored), stored]);
  if ('refuse' in signed) return 'blocked';
  replica.pending.set(pending.id, pending);
  settleAlarm(replica, false);
  return { block: pending.block, signature: signed.signature };
}

/** After a crash or an interrupted drive the recorded block is sent again, never another. */
async function repropose(replica: Replica, round: number): Promise<Proposal | Idle> {
  const { proposed, statement } = replica.record;
  const pending = proposed && replica.pending.get(proposed.block);
  if (!pending || proposed.round !== round || statement?.kind !== 'vote') return 'blocked';
  const signed = await act(replica, (record) =>
    decideProposal(record, replica.ledger, {
      epoch: record.epoch,
      round,
      block: pending.id,
      qc: record.highQc,
      tc: record.highTc,
    }),
  );
  if ('refuse' in signed) return 'blocked';
  return { block: pending.block, signature: signed.signature };
}

async function build(
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
const BUILD_PART = 1 / 8;
const ADMITTING_MS = 5;
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

/** Sends a proposal to all and waits for a quorum; undefined where the round passed without one. */
async function collectVotes(
  replica: Replica,
  { block, signature }: Proposal,
): Promise<VerifiedQc | undefined> {
  const { set } = replica.epoch;
  const { round } = block.header;
  const tally = new VoteTally(set, round, block.id);
  count(replica, tally, block, { validator: ownIndex(replica), signature });
  const alone = tally.certificate();
  if (alone) return alone;
  const saying = { kind: 'proposal', block: encodeBlock(block), signature } as const;
  return new Promise((resolve) => {
    const passed = (): void => {
      if (currentRound(replica.record) > round || replica.stopped) finish(undefined);
    };
    const finish = (qc: VerifiedQc | undefined): void => {
      replica.advanceListeners.delete(passed);
      resolve(qc);
    };
    replica.advanceListeners.add(passed);
    const asked = otherValidators(replica).map(async (member) => {
      const vote = await askForVote(replica, member, saying);
      const validator = set.validators.findIndex((entry) => entry.member === member);
      if (!vote || !count(replica, tally, block, { validator, signature: vote })) return;
      const qc = tally.certificate();
      if (qc) finish(qc);
    });
    void Promise.all(asked).then(() => finish(tally.certificate()));
  });
}

/** Counts a vote, and writes a good one down: the signer may have voted for another block too. */
function count(
  replica: Replica,
  tally: VoteTally,
  { id, header }: Block,
  entry: IndexedSignature,
): boolean {
  if (!tally.add(entry)) return false;
  if (header.epoch === replica.epoch.set.epoch) {
    replica.book.sawVote(header.round, id, entry, { checked: true });
  }
  return true;
}

async function askForVote(
  replica: Replica,
  member: string,
  saying: { readonly kind: 'proposal'; readonly block: Uint8Array; readonly signature: Uint8Array },
): Promise<Uint8Array | undefined> {
  const underWay = replica.proposalsUnderWay.get(member) ?? 0;
  if (underWay >= PROPOSALS_UNDER_WAY_MAX) return undefined;
  replica.proposalsUnderWay.set(member, underWay + 1);
  try {
    const reply = await ask(replica, member, saying);
    if (reply?.refusal) replica.log('vote-refused', { member, reason: reply.refusal });
    return reply?.vote ?? undefined;
  } finally {
    replica.proposalsUnderWay.set(member, replica.proposalsUnderWay.get(member)! - 1);
  }
}
