/** What a replica notices of double signing, in whatever it hears, and whom it tells. */
import type { Standing } from '../consensus/message.ts';
import { currentRound } from '../consensus/safety.ts';
import { StatementBook } from '../consensus/statement-book.ts';
import type { Evidence } from '../ledger/evidence.ts';
import type { Replica } from './replica.ts';

/** Somebody in this process who takes evidence: the reporter. */
export type EvidenceListener = (evidence: Evidence) => void;

/** An empty book of the replica's epoch: one for each, because statements of different epochs never meet. */
export const openBook = (replica: Replica): StatementBook =>
  new StatementBook(replica.epoch.set, currentRound(replica.record), (evidence) =>
    witness(replica, evidence),
  );

/** Logs and passes on what the book found. */
export function witness(replica: Replica, evidence: Evidence): void {
  // In full: whoever reads it here can report it by hand.
  replica.log('double-signed', { evidence });
  for (const listener of replica.evidenceListeners) listener(evidence);
}

/**
 * Compares what another node shows with what this one saw. Nothing is checked unless it contradicts,
 * so normal traffic costs a few look-ups.
 */
export function overhear(replica: Replica, { epoch, qc, tc, seen }: Standing): void {
  if (epoch !== replica.epoch.set.epoch) return;
  const { book, record } = replica;
  if (seen) book.sawProposal(seen, { checked: false });
  const { highQc, highTc } = record;
  if (qc.round !== highQc.round || qc.block !== highQc.block) book.sawQc(qc, { checked: false });
  if (tc && tc !== highTc) book.sawTc(tc, { checked: false });
}
