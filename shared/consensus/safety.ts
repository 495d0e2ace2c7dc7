/**
 * The trusted kernel: it alone decides what consensus statement may be signed, from the safety record.
 * Two-phase HotStuff with Jolteon's rules (Gelashvili et al., FC 2022, §3). It promises: nothing in a
 * record ever lowers; one vote at the most a round; no vote at or below a round that was timed out.
 * It is pure: the caller makes the record durable before a signature can exist (`shared/replica/act.ts`).
 */
import type { Digest } from '../bytes/digest.ts';
import { highestQcRound, type Statement } from '../ledger/certificate.ts';
import {
  startQc,
  tenureEnd,
  type ValidatorSet,
  type VerifiedQc,
  type VerifiedTc,
} from './validators.ts';

/** What must survive a crash. Replaced as a whole on condition that `version` is the one decided on. */
export interface SafetyRecord {
  /** Version of the stored record that this one was decided on; saving makes it one higher. */
  readonly version: number;
  /** Identity of the store that the record was made for: a restored backup shows by it. */
  readonly store: string;
  readonly epoch: number;
  /** The highest round of this epoch that a statement was signed for; nothing at or below it gets a vote. */
  readonly votedRound: number;
  /**
   * No round at or below it is signed for: it may have been, before the store was restored from a
   * backup. Null: how far that may reach is not known yet, so nothing at all is signed (`restored.ts`).
   */
  readonly floor: number | null;
  /** The exact statement last signed or to be signed in this epoch. */
  readonly statement: Statement | null;
  /** The block that this node proposed last in this epoch: after a crash it is sent again, never another. */
  readonly proposed: { readonly round: number; readonly block: Digest } | null;
  readonly highQc: VerifiedQc;
  readonly highTc: VerifiedTc | null;
}

/** What a vote is asked for: a block's place, with its certificates already checked. */
export interface VoteRequest {
  readonly epoch: number;
  readonly round: number;
  readonly block: Digest;
  readonly qc: VerifiedQc;
  readonly tc: VerifiedTc | null;
}

/** A decision: sign this once the record is durable, or don't and why (with both numbers). */
export type Decision =
  | { readonly sign: Statement; readonly record: SafetyRecord }
  | { readonly refuse: string };

/** The record of a node that has signed nothing in an epoch that starts after `start`. */
export const emptyRecord = (store: string, epoch: number, start: Digest): SafetyRecord => ({
  version: 0,
  store,
  epoch,
  votedRound: 0,
  floor: 0,
  statement: null,
  proposed: null,
  highQc: startQc(epoch, start),
  highTc: null,
});

/** The round that a record is in: one past the highest round that it has a certificate for. */
export const currentRound = (record: SafetyRecord): number =>
  Math.max(record.highQc.round, record.highTc?.round ?? 0) + 1;

/** The highest round that was, or may have been, signed for. */
export const signedUpTo = ({ floor, votedRound }: SafetyRecord): number =>
  floor === null ? Number.POSITIVE_INFINITY : Math.max(votedRound, floor);

const RESTORED = 'this store was restored from a backup, and the others have not all answered yet';

/**
 * Adopts higher certificates of the record's epoch; answers the same record where there is nothing
 * higher. A timeout certificate counts only together with a QC of the largest round in it.
 */
export function adopt(
  record: SafetyRecord,
  qc: VerifiedQc | null,
  tc: VerifiedTc | null,
): SafetyRecord {
  const highQc =
    qc && qc.epoch === record.epoch && qc.round > record.highQc.round ? qc : record.highQc;
  const complete = tc && tc.epoch === record.epoch && highestQcRound(tc) <= highQc.round;
  const highTc = complete && tc.round > (record.highTc?.round ?? 0) ? tc : record.highTc;
  if (highQc === record.highQc && highTc === record.highTc) return record;
  return { ...record, highQc, highTc };
}

/**
 * Voting rule (Jolteon §3.1): vote for b iff b.round > votedRound, and b.round = b.qc.round + 1 or
 * (b.tc.round + 1 = b.round and b.qc.round ≥ the highest QC round in b.tc). The round last voted in
 * gets the stored vote again.
 */
export function decideVote(record: SafetyRecord, ledger: Digest, b: VoteRequest): Decision {
  if (b.epoch !== record.epoch) return { refuse: `epoch ${b.epoch}, expected ${record.epoch}` };
  if (record.floor === null) return { refuse: RESTORED };
  const { statement } = record;
  if (statement?.kind === 'vote' && statement.round === b.round && statement.block === b.block) {
    return { sign: statement, record };
  }
  if (b.round <= record.votedRound) {
    return { refuse: `round ${b.round}, expected one above ${record.votedRound}` };
  }
  if (b.round <= record.floor) {
    return {
      refuse: `round ${b.round}, expected one above ${record.floor}, as the store was restored`,
    };
  }
  const follows = b.round === b.qc.round + 1;
  const skips = b.tc !== null && b.tc.round + 1 === b.round && b.qc.round >= highestQcRound(b.tc);
  if (!follows && !skips) {
    return { refuse: `round ${b.round} after a certificate of round ${b.qc.round}` };
  }
  const vote = { kind: 'vote', ledger, epoch: b.epoch, round: b.round, block: b.block } as const;
  const next = adopt(record, b.qc, b.tc);
  return {
    sign: vote,
    record: { ...next, votedRound: b.round, statement: vote },
  };
}

/** Proposing is voting for one's own block, and remembering which block it was. */
export function decideProposal(record: SafetyRecord, ledger: Digest, b: VoteRequest): Decision {
  const decision = decideVote(record, ledger, b);
  if ('refuse' in decision || decision.record === record) return decision;
  const proposed = { round: b.round, block: b.block };
  return { ...decision, record: { ...decision.record, proposed } };
}

/**
 * A timeout is for the last round of the tenure that holds the current round, and sets votedRound to
 * it: one timeout certificate skips a dead leader, and nobody is lured into signing away the far
 * future. A timeout that was signed is given again as it was.
 */
export function decideTimeout(record: SafetyRecord, set: ValidatorSet): Decision {
  const round = tenureEnd(set, currentRound(record));
  const { statement, epoch, floor } = record;
  if (floor === null) return { refuse: RESTORED };
  // Of two validators both sign every certificate, so the other's record alone keeps the ledger safe;
  // and without this one's timeouts no round would ever pass the floor.
  if (round <= floor && set.validators.length !== 2) {
    return { refuse: `timeout of round ${round}, expected one above ${floor}` };
  }
  if (statement?.kind === 'timeout' && statement.round === round)
    return { sign: statement, record };
  if (round < record.votedRound) {
    return { refuse: `timeout of round ${round}, expected at least ${record.votedRound}` };
  }
  const highQcRound = record.highQc.round;
  const timeout = { kind: 'timeout', ledger: set.ledger, epoch, round, highQcRound } as const;
  return {
    sign: timeout,
    record: { ...record, votedRound: round, statement: timeout },
  };
}

/**
 * A new epoch starts from the final last block of the old one, which had the round `lastRound`; rounds
 * restart. A restored node whose forgotten past may reach into the new epoch has to ask again there.
 */
export function enterEpoch(
  record: SafetyRecord,
  epoch: number,
  start: Digest,
  lastRound = 0,
): SafetyRecord {
  if (epoch <= record.epoch) return record;
  const { floor } = record;
  const isPast = floor !== null && epoch === record.epoch + 1 && lastRound > floor;
  if (floor !== 0 && !isPast) {
    return { ...emptyRecord(record.store, epoch, start), version: record.version, floor: null };
  }
  return { ...emptyRecord(record.store, epoch, start), version: record.version };
}
