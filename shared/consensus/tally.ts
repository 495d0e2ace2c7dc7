/**
 * Counting: votes for one block become a quorum certificate, timeouts of one round a timeout
 * certificate. Only checked signatures are counted, and each validator once.
 */
import type { Digest } from '../bytes/digest.ts';
import type { IndexedSignature, Timeout, Vote } from '../ledger/certificate.ts';
import {
  quorumSize,
  type ValidatorSet,
  type VerifiedQc,
  type VerifiedTc,
  verifyStatement,
} from './validators.ts';

/** Counts the votes for one block of one round. */
export class VoteTally {
  readonly #set: ValidatorSet;
  readonly #vote: Vote;
  readonly #signatures = new Map<number, IndexedSignature>();

  constructor(set: ValidatorSet, round: number, block: Digest) {
    this.#set = set;
    this.#vote = { kind: 'vote', ledger: set.ledger, epoch: set.epoch, round, block };
  }

  /** Counts a vote if its signature is good; answers whether it counts. */
  add(entry: IndexedSignature): boolean {
    if (this.#signatures.has(entry.validator)) return true;
    if (!verifyStatement(this.#set, this.#vote, entry)) return false;
    this.#signatures.set(entry.validator, entry);
    return true;
  }

  /** The certificate, once a quorum has voted: a quorum of signatures, ascending by validator. */
  certificate(): VerifiedQc | undefined {
    const quorum = quorumSize(this.#set.validators.length);
    if (this.#signatures.size < quorum) return undefined;
    const signatures = [...this.#signatures.values()].slice(0, quorum).sort(byValidator);
    const { epoch, round, block } = this.#vote;
    return { epoch, round, block, signatures } as unknown as VerifiedQc;
  }
}

/** One validator's timeout as it travels. */
export type TimeoutEntry = IndexedSignature & {
  readonly round: number;
  readonly highQcRound: number;
};

/** Counts timeouts of one epoch by round, for the rounds that are not over yet. */
export class TimeoutTally {
  readonly #set: ValidatorSet;
  readonly #rounds = new Map<number, Map<number, TimeoutEntry>>();

  constructor(set: ValidatorSet) {
    this.#set = set;
  }

  /** Counts a timeout if its signature is good; answers whether it counts. */
  add(entry: TimeoutEntry): boolean {
    const known = this.#rounds.get(entry.round)?.get(entry.validator);
    if (known) return true;
    const { ledger, epoch } = this.#set;
    const { round, highQcRound } = entry;
    if (round < 1 || highQcRound > round) return false;
    const statement: Timeout = { kind: 'timeout', ledger, epoch, round, highQcRound };
    if (!verifyStatement(this.#set, statement, entry)) return false;
    const ofRound = this.#rounds.get(round) ?? new Map<number, TimeoutEntry>();
    this.#rounds.set(round, ofRound.set(entry.validator, entry));
    return true;
  }

  /** Whether this very entry was checked and counted, and not another of its validator. */
  holds(entry: TimeoutEntry): boolean {
    return this.#rounds.get(entry.round)?.get(entry.validator) === entry;
  }

  /** How many validators timed a round out. */
  count(round: number): number {
    return this.#rounds.get(round)?.size ?? 0;
  }

  /** The certificate of a round, once a quorum timed it out. */
  certificate(round: number): VerifiedTc | undefined {
    const entries = [...(this.#rounds.get(round)?.values() ?? [])];
    const quorum = quorumSize(this.#set.validators.length);
    if (entries.length < quorum) return undefined;
    // Any quorum makes a valid certificate: they are taken as they came.
    const timeouts = entries
      .slice(0, quorum)
      .map(({ validator, highQcRound, signature }) => ({ validator, highQcRound, signature }))
      .sort(byValidator);
    return { epoch: this.#set.epoch, round, timeouts } as unknown as VerifiedTc;
  }

  /** Forgets the rounds before one. */
  forgetBefore(round: number): void {
    for (const known of this.#rounds.keys()) if (known < round) this.#rounds.delete(known);
  }
}

const byValidator = (a: IndexedSignature, b: IndexedSignature): number => a.validator - b.validator;
