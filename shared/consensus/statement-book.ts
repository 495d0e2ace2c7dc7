/**
 * The book of signed statements that were seen lately in one epoch, and the contradictions in it.
 * Normal traffic costs no signature check here: what was checked for its own sake is written down,
 * anything else is only compared, and checked where it contradicts what is written. Its size is
 * bounded whatever a hostile sender does: recent rounds, one statement a validator, kind and round.
 */
import type { Digest } from '../bytes/digest.ts';
import { equalBytes } from '../bytes/text.ts';
import type {
  IndexedSignature,
  QuorumCertificate,
  Statement,
  TimeoutCertificate,
} from '../ledger/certificate.ts';
import {
  contradict,
  type Evidence,
  evidenceOf,
  OFFENCES_MAX,
  type SignedStatement,
} from '../ledger/evidence.ts';
import type { TimeoutEntry } from './tally.ts';
import { tenureEnd, type ValidatorSet, verifyStatement } from './validators.ts';

/** Rounds before the current one whose votes are kept. */
const ROUNDS_KEPT = 128;
/** Tenures before the current one whose timeouts are kept. */
const TENURES_KEPT = 4;

/** A leader's statement for its block of a round, as nodes show it to each other. */
export interface SeenProposal {
  readonly round: number;
  readonly block: Digest;
  /** The author's index in the epoch's validator set. */
  readonly validator: number;
  readonly signature: Uint8Array;
}

/** Whether the signatures at hand were checked against the epoch's validator set. */
type Checked = { readonly checked: boolean };
type Page = Map<number, SignedStatement>;

export class StatementBook {
  readonly #set: ValidatorSet;
  readonly #found: (evidence: Evidence) => void;
  #current: number;
  /** By round, then by validator. */
  readonly #votes = new Map<number, Page>();
  readonly #timeouts = new Map<number, Page>();
  /** The author of the proposal that was seen of a round. */
  readonly #authors = new Map<number, number>();
  /** Rounds with a proven offence, by kind, for each offender. */
  readonly #proven = new Map<number, Set<string>>();
  #newest: SeenProposal | null = null;
  /** One half of a proof: the leader of a certified block signed another one. Who has its other half? */
  #half: SeenProposal | null = null;

  /** A book of a set's epoch at a current round; `found` takes each offence once. */
  constructor(set: ValidatorSet, current: number, found: (evidence: Evidence) => void) {
    this.#set = set;
    this.#current = current;
    this.#found = found;
  }

  /** Moves on to a round and forgets what lies too far behind it. */
  advance(current: number): void {
    this.#current = current;
    const { tenureRounds } = this.#set;
    forgetBefore(this.#votes, current - ROUNDS_KEPT);
    forgetBefore(this.#authors, current - ROUNDS_KEPT);
    forgetBefore(this.#timeouts, current - TENURES_KEPT * tenureRounds);
    if (this.#half && this.#half.round < current - ROUNDS_KEPT) this.#half = null;
  }

  /** What this node shows to others: half of a proof where it has one, else the newest proposal. */
  get shown(): SeenProposal | null {
    return this.#half ?? this.#newest;
  }

  /** A vote, as its sender or its leader signed it. */
  sawVote(round: number, block: Digest, entry: IndexedSignature, { checked }: Checked): void {
    // A checked signature on a far round is still the signer's alone, who could fill the book with them.
    if (round > this.#current + 1) return;
    this.#saw(this.#votes, this.#vote(round, block), entry, checked);
  }

  /** Whether this very signature was checked on this very vote, of this epoch. */
  holdsVote(round: number, block: Digest, { validator, signature }: IndexedSignature): boolean {
    const known = this.#votes.get(round)?.get(validator);
    if (known?.statement.kind !== 'vote' || known.statement.block !== block) return false;
    return equalBytes(known.signature, signature);
  }

  /** A leader's statement for its own block: in a proposal, or as another node shows it. */
  sawProposal(proposal: SeenProposal, { checked }: Checked): void {
    const { round, block, validator, signature } = proposal;
    if (round < 1) return;
    this.sawVote(round, block, { validator, signature }, { checked });
    if (!checked || round > this.#current + 1) return;
    if (round >= this.#floor('vote')) this.#authors.set(round, validator);
    if (round >= (this.#newest?.round ?? 0)) this.#newest = proposal;
  }

  /** A timeout. A correct validator times out the last round of a tenure only. */
  sawTimeout(entry: TimeoutEntry, { checked }: Checked): void {
    const { round, highQcRound } = entry;
    const last = tenureEnd(this.#set, this.#current) + this.#set.tenureRounds;
    if (round < 1 || round > last || round !== tenureEnd(this.#set, round)) return;
    this.#saw(this.#timeouts, this.#timeout(round, highQcRound), entry, checked);
  }

  /** The votes in a quorum certificate. */
  sawQc({ epoch, round, block, signatures }: QuorumCertificate, { checked }: Checked): void {
    if (epoch !== this.#set.epoch || round < 1 || (!checked && !this.#votes.has(round))) return;
    const vote = this.#vote(round, block);
    for (const entry of signatures) if (!this.#saw(this.#votes, vote, entry, checked)) return;
    if (checked) this.#lookForHalf(round, block);
  }

  /** The timeouts in a timeout certificate. */
  sawTc({ epoch, round, timeouts }: TimeoutCertificate, { checked }: Checked): void {
    if (epoch !== this.#set.epoch || round < 1 || (!checked && !this.#timeouts.has(round))) return;
    for (const entry of timeouts) {
      const timeout = this.#timeout(round, entry.highQcRound);
      if (!this.#saw(this.#timeouts, timeout, entry, checked)) return;
    }
  }

  /** Takes a statement in; answers false for a signature that was checked and is bad. */
  #saw(
    pages: Map<number, Page>,
    statement: Statement,
    { validator, signature }: IndexedSignature,
    checked: boolean,
  ): boolean {
    const { round, kind } = statement;
    const known = pages.get(round)?.get(validator);
    if (!known) {
      if (!checked || round < this.#floor(kind)) return true;
      const page = pages.get(round) ?? new Map<number, SignedStatement>();
      pages.set(round, page.set(validator, { statement, signature }));
      return true;
    }
    if (!contradict(known.statement, statement)) return true;
    const proven = this.#proven.get(validator) ?? new Set<string>();
    const offence = `${kind} ${round}`;
    if (proven.has(offence) || proven.size >= OFFENCES_MAX) return true;
    if (!checked && !verifyStatement(this.#set, statement, { validator, signature })) return false;
    this.#proven.set(validator, proven.add(offence));
    if (this.#half?.round === round) this.#half = null;
    const { member } = this.#set.validators[validator]!;
    this.#found(evidenceOf(member, known, { statement, signature }));
    return true;
  }

  #lookForHalf(round: number, certified: Digest): void {
    const author = this.#authors.get(round);
    if (author === undefined) return;
    const known = this.#votes.get(round)?.get(author);
    if (known?.statement.kind !== 'vote' || known.statement.block === certified) return;
    if (this.#proven.get(author)?.has(`vote ${round}`)) return;
    const { signature } = known;
    this.#half = { round, block: known.statement.block, validator: author, signature };
  }

  #floor(kind: Statement['kind']): number {
    const kept = kind === 'vote' ? ROUNDS_KEPT : TENURES_KEPT * this.#set.tenureRounds;
    return this.#current - kept;
  }

  #vote(round: number, block: Digest): Statement {
    const { ledger, epoch } = this.#set;
    return { kind: 'vote', ledger, epoch, round, block };
  }

  #timeout(round: number, highQcRound: number): Statement {
    const { ledger, epoch } = this.#set;
    return { kind: 'timeout', ledger, epoch, round, highQcRound };
  }
}

function forgetBefore(pages: Map<number, unknown>, floor: number): void {
  for (const round of pages.keys()) if (round < floor) pages.delete(round);
}
