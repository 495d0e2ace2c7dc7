/**
 * A hostile member: a real replica whose messages are changed on the way out, signed again with its
 * own key, withheld, or made up. What it may do is drawn from its seed; it never holds another key.
 */

import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  type Reply,
  type Request,
  type Standing,
} from '../../shared/consensus/message.ts';
import { currentRound } from '../../shared/consensus/safety.ts';
import { startQc, tenureEnd } from '../../shared/consensus/validators.ts';
import { decodeBlock } from '../../shared/ledger/block.ts';
import { statementDigest } from '../../shared/ledger/certificate.ts';
import {
  leaderNow,
  otherValidators,
  ownIndex,
  type Replica,
} from '../../shared/replica/replica.ts';
import { standingOf } from '../../shared/replica/tell.ts';
import { type Attacker, fork, Memory, push, split, target } from './attack.ts';
import type { FaultCounts } from './faults.ts';
import { FORGERIES, type Forgery, forgeProposal, forgeQc, forgeTc, type Sign } from './forge.ts';
import type { Scheduler } from './scheduler.ts';

const TRICKS = [
  'silent',
  'selective',
  'withheld-vote',
  'vote-for-anything',
  'stale-standing',
  'old-epoch',
  'forged-certificate',
  'forged-block',
  'lying-timeout',
  'lying-catch-up',
  'garbage',
  'junk-vote',
  'fork',
  'split',
] as const;
type Trick = (typeof TRICKS)[number];

export class Hostile {
  readonly #scheduler: Scheduler;
  readonly #counts: FaultCounts;
  readonly #sign: Sign;
  readonly #tricks: ReadonlySet<Trick>;
  readonly #forgeries: readonly Forgery[];
  readonly #deaf: ReadonlySet<string>;
  /** How often it plays a trick that it has. */
  readonly #eagerness: number;
  readonly #alone: boolean;
  readonly #memory = new Memory();
  #attackedRound = 0;
  #attacking = false;
  replica: () => Replica | undefined = () => undefined;
  /** Sends a message as it is. */
  ask: Attacker['ask'] = () => Promise.reject(new Error('not connected'));

  constructor(scheduler: Scheduler, counts: FaultCounts, sign: Sign, members: readonly string[]) {
    this.#scheduler = scheduler;
    this.#counts = counts;
    this.#sign = sign;
    // Some do nothing but try to fork the ledger, some a little of everything.
    const isForker = scheduler.chance(0.5);
    this.#tricks = new Set(
      isForker ? ['fork', 'split', 'old-epoch'] : TRICKS.filter(() => scheduler.chance(0.4)),
    );
    this.#forgeries = FORGERIES.filter(() => scheduler.chance(0.6));
    this.#deaf = new Set(members.filter(() => scheduler.chance(0.3)));
    this.#eagerness = isForker ? 0.9 : scheduler.pick([0.1, 0.5, 0.9]);
    this.#alone = scheduler.chance(0.5);
  }

  /** What it sends in place of a request; null for nothing. */
  async tamper(to: string, message: Uint8Array): Promise<Uint8Array | null> {
    const replica = this.replica();
    if (!replica) return message;
    this.#memory.note(replica);
    if (this.#attacking) return null;
    if (this.#plays('silent', 0.3)) return null;
    if (this.#deaf.has(to) && this.#plays('selective')) return null;
    if (this.#plays('garbage', 0.1)) return message.subarray(0, message.length >> 1);
    if (this.#attack(replica)) return null;
    let request = this.#withStanding(replica, decodeRequest(message));
    if (request.kind === 'proposal' && this.#forgeries.length > 0 && this.#plays('forged-block')) {
      const forged = await this.#forged(replica);
      if (forged) request = { ...request, ...forged };
    }
    return encodeRequest(request);
  }

  /** What it answers in place of a reply; null for nothing. */
  tamperReply(message: Uint8Array, answer: Uint8Array): Uint8Array | null {
    const replica = this.replica();
    if (!replica) return answer;
    if (this.#plays('silent', 0.3)) return null;
    if (this.#plays('garbage', 0.1)) return answer.subarray(0, answer.length >> 1);
    let request: Request;
    try {
      request = decodeRequest(message);
    } catch {
      return answer;
    }
    let reply: Reply = this.#withStanding(replica, decodeReply(answer));
    if (request.kind === 'proposal') {
      if (this.#plays('withheld-vote')) reply = { ...reply, vote: null };
      else if (this.#plays('junk-vote')) reply = { ...reply, vote: new Uint8Array(64).fill(7) };
      else if (this.#plays('vote-for-anything')) reply = { ...reply, vote: this.#vote(request) };
    }
    if (request.kind === 'blocks' && this.#plays('lying-catch-up')) {
      const { steps } = reply;
      reply = {
        ...reply,
        steps: this.#scheduler.chance(0.5) ? steps.slice(1) : steps.toReversed(),
      };
    }
    if (this.#plays('lying-timeout')) reply = { ...reply, timeout: this.#timeout(replica) };
    return encodeReply(reply);
  }

  /** A message of its own accord: a forged proposal, or a timeout that nobody waited for. */
  async spontaneous(): Promise<{ to: string; message: Uint8Array } | undefined> {
    const replica = this.replica();
    if (!replica || ownIndex(replica) < 0) return undefined;
    const to = this.#scheduler.pick(otherValidators(replica));
    const standing = standingOf(replica);
    if (this.#forgeries.length > 0 && this.#plays('forged-block')) {
      const forged = await this.#forged(replica);
      return forged && { to, message: encodeRequest({ kind: 'proposal', standing, ...forged }) };
    }
    if (!this.#plays('lying-timeout')) return undefined;
    const timeout = this.#timeout(replica);
    return { to, message: encodeRequest({ kind: 'timeout', standing, timeout }) };
  }

  /** Once a tenure, when it leads. */
  #attack(replica: Replica): boolean {
    const { set } = replica.epoch;
    const end = tenureEnd(set, currentRound(replica.record));
    if (this.#attackedRound === end || leaderNow(replica) !== replica.member) return false;
    const away = this.#scheduler.chance(0.7) ? target(replica) : undefined;
    if (!this.#plays(away ? 'fork' : 'split', away ? 1 : 0.6)) return false;
    this.#attackedRound = end;
    this.#attacking = true;
    const attacker: Attacker = {
      replica,
      sign: this.#sign,
      scheduler: this.#scheduler,
      memory: this.#memory,
      alone: this.#alone,
      ask: (to, message) => this.ask(to, message),
    };
    const over = (): void => {
      this.#attacking = false;
    };
    const withoutTarget = this.#scheduler.chance(0.5) ? split : push;
    // Its own state may move on under its hands.
    (away ? fork(attacker, away) : withoutTarget(attacker)).then((certified) => {
      for (let count = 0; count < certified; count++) this.#count('fork-certified');
      over();
    }, over);
    return true;
  }

  async #forged(replica: Replica) {
    const forgery = this.#scheduler.pick(this.#forgeries);
    try {
      const forged = await forgeProposal(replica, this.#sign, forgery);
      if (forged) this.#count(`forged-${forgery}`);
      return forged;
    } catch {
      // Its own state moved on meanwhile.
      return undefined;
    }
  }

  #withStanding<T extends { readonly standing: Standing }>(replica: Replica, message: T): T {
    const { standing } = message;
    if (this.#plays('stale-standing')) {
      const { epoch } = replica.epoch.set;
      const old = { ...standing, epoch, qc: startQc(epoch, replica.epochStart), tc: null };
      return { ...message, standing: old };
    }
    const old = this.#memory.certificate(replica.epochStart);
    const isOver = old && old.epoch < replica.epoch.set.epoch;
    // The block that the epoch starts from was certified in a later round than those that follow it here.
    if (isOver && replica.record.highQc.block !== replica.epochStart && this.#plays('old-epoch')) {
      return { ...message, standing: { ...standing, qc: old } };
    }
    if (!this.#plays('forged-certificate')) return message;
    const round = currentRound(replica.record);
    const [pending] = [...replica.pending.values()].slice(-1);
    const qc = pending ? forgeQc(replica, this.#sign, pending, this.#alone) : standing.qc;
    const far = tenureEnd(replica.epoch.set, round + this.#scheduler.between(0, 9));
    const tc = this.#scheduler.chance(0.5) ? forgeTc(replica, this.#sign, far) : standing.tc;
    return { ...message, standing: { ...standing, qc, tc } };
  }

  #vote(request: Request & { kind: 'proposal' }): Uint8Array | null {
    const { header, id } = decodeBlock(request.block);
    const { ledger, epoch, round } = header;
    return this.#sign(statementDigest({ kind: 'vote', ledger, epoch, round, block: id }));
  }

  /** A timeout that hides the highest certificate. */
  #timeout(replica: Replica) {
    const { set } = replica.epoch;
    const { ledger, epoch } = set;
    const ahead = this.#scheduler.pick([0, 0, 1, 5]) * set.tenureRounds;
    const round = tenureEnd(set, currentRound(replica.record)) + ahead;
    const statement = { kind: 'timeout', ledger, epoch, round, highQcRound: 0 } as const;
    const signature = this.#sign(statementDigest(statement));
    return { validator: Math.max(0, ownIndex(replica)), round, highQcRound: 0, signature };
  }

  #plays(trick: Trick, share = 1): boolean {
    if (!this.#tricks.has(trick)) return false;
    if (!this.#scheduler.chance(this.#eagerness * share)) return false;
    this.#count(trick);
    return true;
  }

  #count(kind: string): void {
    this.#counts[kind] = (this.#counts[kind] ?? 0) + 1;
  }
}
