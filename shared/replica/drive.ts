/**
 * A leader's rounds: propose, collect votes, go on while there is something to commit. A request
 * drives; a burst ends with one empty block that certifies the last full one, and its certificate
 * goes to all. Losing a drive at any point is harmless: safety never depends on it.
 */
import {
  currentRound,
  decideProposal,
  type SafetyRecord,
  signedUpTo,
} from '../consensus/safety.ts';
import type { VerifiedQc } from '../consensus/validators.ts';
import { encodeBlock } from '../ledger/block.ts';
import { act } from './act.ts';
import { settleAlarm } from './alarm.ts';
import { BUILD_PART, build } from './build.ts';
import { adoptCertificates, commitHighest } from './chain.ts';
import { collectVotes, type Proposal } from './collect-votes.ts';
import { route } from './forward.ts';
import { leaveToDriver, releaseLease, takeHeld, takeLease } from './lease.ts';
import {
  inBackground,
  leaderNow,
  ownIndex,
  pause,
  pointOf,
  type Replica,
  uncommitted,
} from './replica.ts';
import { spreadStanding, tellStanding } from './tell.ts';

/** How often it is looked whether all that arrived together is admitted. */
const ADMITTING_MS = 5;

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
  const committed = replica.lock.run(() => commitHighest(replica));
  if (tell && why === 'nothing-to-do') {
    // The lease is given back, and what others hold is looked for, meanwhile.
    const faulted = (error: unknown) => replica.log('commit-failed', { error: String(error) });
    return inBackground(replica, committed.catch(faulted));
  }
  await committed;
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
