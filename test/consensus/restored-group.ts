/**
 * A group of safety records without network, time or cryptography, under one seeded adversary: it
 * proposes any block that the rules allow (several a round), delivers to whom it likes, signs anything
 * for its own f replicas, and puts old copies of correct replicas' records back.
 */
import type { Digest } from '../../shared/bytes/digest.ts';
import {
  attestationsNeeded,
  decideAttestation,
  liftRestored,
  markRestored,
  type VerifiedAttestation,
} from '../../shared/consensus/restored.ts';
import {
  adopt,
  type Decision,
  decideTimeout,
  decideVote,
  emptyRecord,
  type SafetyRecord,
} from '../../shared/consensus/safety.ts';
import {
  faultsTolerated,
  quorumSize,
  startQc,
  tenureEnd,
  type ValidatorSet,
  type VerifiedQc,
  type VerifiedTc,
} from '../../shared/consensus/validators.ts';
import { highestQcRound, type Statement } from '../../shared/ledger/certificate.ts';

const LEDGER = 'aa'.repeat(32) as Digest;
const TENURE = 3;
const COPIES_MAX = 6;

interface Proposed {
  readonly id: Digest;
  readonly round: number;
  readonly qc: VerifiedQc;
  readonly tc: VerifiedTc | null;
  readonly voters: Set<number>;
}

export class RestoredGroup {
  violation: string | undefined;
  lifts = 0;
  signedAgain = 0;
  readonly #n: number;
  /** Replicas from this index on are correct; the ones below are the adversary's. */
  readonly #liars: number;
  readonly #restorable: number;
  readonly #set: ValidatorSet;
  #random: number;
  readonly #records: SafetyRecord[];
  readonly #copies: SafetyRecord[][];
  readonly #answers: Map<number, VerifiedAttestation>[];
  readonly #statements: Map<number, string>[];
  readonly #timedOut: number[];
  readonly #blocks = new Map<Digest, Proposed>();
  readonly #qcs: VerifiedQc[];
  readonly #tcs: VerifiedTc[] = [];
  readonly #timeouts = new Map<number, Map<number, number>>();
  readonly #committed = new Set<Digest>();

  constructor(seed: number, n: number, restorable: number) {
    this.#n = n;
    this.#liars = faultsTolerated(n);
    this.#restorable = restorable;
    this.#random = seed;
    const validators = Array.from({ length: n }, (_, index) => ({
      member: `m${index}`,
      key: { kty: 'EC', crv: 'P-256', x: '', y: '' } as const,
    }));
    this.#set = { ledger: LEDGER, epoch: 1, tenureRounds: TENURE, validators };
    const start = '00'.repeat(32) as Digest;
    this.#qcs = [startQc(1, start)];
    this.#records = validators.map(() => emptyRecord('first', 1, start));
    this.#copies = this.#records.map((record) => [record]);
    this.#answers = validators.map(() => new Map());
    this.#statements = validators.map(() => new Map());
    this.#timedOut = validators.map(() => 0);
  }

  /** One move of the adversary. */
  step(): void {
    const move = this.#below(1000);
    if (move < 100) this.#propose();
    else if (move < 560) this.#deliver(this.#correct());
    else if (move < 600) this.#timeOut(this.#correct());
    else if (move < 680) this.#certificate(this.#correct());
    else if (move < 900) this.#lie();
    else if (move < 930) this.#copy(this.#correct());
    else if (move < 936) this.#restore();
    else this.#ask();
  }

  #below(bound: number): number {
    // mulberry32, enough to choose moves with.
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let z = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    z = (z + Math.imul(z ^ (z >>> 7), 61 | z)) ^ z;
    return ((z ^ (z >>> 14)) >>> 0) % bound;
  }

  #one<T>(list: readonly T[]): T {
    // The newest are the likeliest, or nothing would ever get anywhere.
    const back = this.#below(this.#below(4) === 0 ? list.length : Math.min(2, list.length));
    return list[list.length - 1 - back]!;
  }

  #correct(): number {
    return this.#liars + this.#below(this.#n - this.#liars);
  }

  #propose(): void {
    const qc = this.#one(this.#qcs);
    const tc = this.#tcs.length > 0 && this.#below(3) === 0 ? this.#one(this.#tcs) : null;
    if (tc && highestQcRound(tc) > qc.round) return;
    const round = (tc ?? qc).round + 1;
    const id = (this.#blocks.size + 1).toString(16).padStart(64, '0') as Digest;
    this.#blocks.set(id, { id, round, qc, tc, voters: new Set() });
  }

  #deliver(replica: number): void {
    if (this.#blocks.size === 0) return;
    const block = this.#one([...this.#blocks.values()]);
    const request = { epoch: 1, round: block.round, block: block.id, qc: block.qc, tc: block.tc };
    this.#sign(replica, decideVote(this.#records[replica]!, LEDGER, request));
  }

  #timeOut(replica: number): void {
    this.#sign(replica, decideTimeout(this.#records[replica]!, this.#set));
  }

  #certificate(replica: number): void {
    const tc = this.#tcs.length > 0 ? this.#one(this.#tcs) : null;
    const qc = this.#one(this.#qcs);
    this.#records[replica] = adopt(this.#records[replica]!, qc, tc);
  }

  /** The adversary's own replicas sign whatever is of use. */
  #lie(): void {
    for (let liar = 0; liar < this.#liars; liar++) {
      if (this.#below(3) > 0 && this.#blocks.size > 0) {
        this.#vote(liar, this.#one([...this.#blocks.values()]));
      } else {
        const round = tenureEnd(this.#set, this.#one(this.#qcs).round + 1);
        this.#countTimeout(liar, round, this.#below(2) === 0 ? 0 : this.#one(this.#qcs).round);
      }
    }
  }

  #copy(replica: number): void {
    const copies = this.#copies[replica]!;
    copies.push(this.#records[replica]!);
    if (copies.length > COPIES_MAX) copies.splice(this.#below(copies.length), 1);
  }

  #restore(): void {
    // Two at once mostly wait for each other for ever, which is safe and teaches nothing.
    const isOneWaiting = this.#records.some((one) => !('qc' in decideAttestation(one)));
    if (isOneWaiting && this.#below(8) > 0) return;
    const replica = this.#n - 1 - this.#below(Math.min(this.#restorable, this.#n - this.#liars));
    this.#records[replica] = markRestored(this.#one(this.#copies[replica]!), 'restored');
    this.#answers[replica] = new Map();
  }

  #ask(): void {
    const asker = this.#records.findIndex(({ floor }) => floor === null);
    const asked = this.#below(this.#n);
    if (asker < 0 || asked === asker) return;
    const record = this.#records[asker]!;
    const votedRound = this.#attested(asked);
    if (votedRound === undefined) return;
    const answer = { member: `m${asked}`, epoch: 1, votedRound } as VerifiedAttestation;
    const answers = this.#answers[asker]!.set(asked, answer);
    const lifted = liftRestored(record, this.#set, answers.values());
    if (!lifted) return;
    this.lifts++;
    if (answers.size < attestationsNeeded(this.#n)) this.violation = 'too few answered';
    this.#records[asker] = lifted;
  }

  #attested(asked: number): number | undefined {
    // A lie is bounded by certificates that exist, from below by nothing.
    if (asked < this.#liars) {
      return this.#below(2) === 0 ? 0 : tenureEnd(this.#set, this.#one(this.#qcs).round + 1);
    }
    const says = decideAttestation(this.#records[asked]!);
    if ('refuse' in says) return undefined;
    const bound = tenureEnd(this.#set, Math.max(says.qc.round, says.tc?.round ?? 0) + 1);
    if (says.votedRound > bound) this.violation = 'a correct answer that would be taken for a lie';
    return says.votedRound;
  }

  #sign(replica: number, decision: Decision): void {
    if ('refuse' in decision) return;
    this.#records[replica] = decision.record;
    const { sign: statement } = decision;
    this.#note(replica, statement);
    if (decision.record.store === 'restored') this.signedAgain++;
    if (statement.kind === 'timeout') {
      this.#countTimeout(replica, statement.round, statement.highQcRound);
    } else {
      this.#vote(replica, this.#blocks.get(statement.block)!);
    }
  }

  /** I2 over all lives of a replica. */
  #note(replica: number, statement: Statement): void {
    const said = JSON.stringify(statement);
    const name = statement.round * 2 + (statement.kind === 'vote' ? 0 : 1);
    const known = this.#statements[replica]!.get(name) ?? said;
    // One of two validators may time a round out again, with another certificate.
    if (known !== said && !(this.#n === 2 && statement.kind === 'timeout')) {
      this.violation ??= `replica ${replica} signed two statements of round ${statement.round}`;
    }
    const isNew = !this.#statements[replica]!.has(name);
    this.#statements[replica]!.set(name, said);
    if (statement.kind === 'timeout') {
      this.#timedOut[replica] = Math.max(this.#timedOut[replica]!, statement.round);
    } else if (isNew && statement.round <= this.#timedOut[replica]!) {
      this.violation ??= `replica ${replica} voted in round ${statement.round}, which it timed out`;
    }
  }

  #vote(replica: number, block: Proposed): void {
    block.voters.add(replica);
    if (block.voters.size !== quorumSize(this.#n)) return;
    const qc = { epoch: 1, round: block.round, block: block.id, signatures: [] };
    this.#qcs.push(qc as unknown as VerifiedQc);
    const parent = this.#blocks.get(block.qc.block);
    if (parent && parent.round + 1 === block.round) this.#commit(parent);
  }

  #commit(block: Proposed): void {
    this.#committed.add(block.id);
    const chain = new Set<Digest>();
    for (
      let at: Proposed | undefined = this.#highestCommitted();
      at;
      at = this.#blocks.get(at.qc.block)
    ) {
      chain.add(at.id);
    }
    if ([...this.#committed].every((id) => chain.has(id))) return;
    this.violation ??= `two histories are committed, seen at round ${block.round}`;
  }

  #highestCommitted(): Proposed {
    const blocks = [...this.#committed].map((id) => this.#blocks.get(id)!);
    return blocks.reduce((highest, block) => (block.round > highest.round ? block : highest));
  }

  #countTimeout(replica: number, round: number, highQcRound: number): void {
    const ofRound = this.#timeouts.get(round) ?? new Map<number, number>();
    this.#timeouts.set(round, ofRound.set(replica, highQcRound));
    if (ofRound.size < quorumSize(this.#n)) return;
    // Any quorum makes a certificate: the adversary takes the lowest it can get.
    const timeouts = [...ofRound]
      .sort(([, a], [, b]) => a - b)
      .slice(0, quorumSize(this.#n))
      .map(([validator, highest]) => ({ validator, highQcRound: highest }));
    this.#tcs.push({ epoch: 1, round, timeouts } as unknown as VerifiedTc);
  }
}
