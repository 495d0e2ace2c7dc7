/**
 * The fork attack: a hostile leader shows one victim the certificate that makes a block final, and
 * tries to get a conflicting block certified by the others. Where votes are missing it makes up the
 * certificate, and where it needs a timeout certificate it makes up that too. Against the rules it
 * gets nowhere; take any of them away, and it forks the ledger.
 */

import { leaderOf } from '../../shared/consensus/leaders.ts';
import {
  decodeReply,
  encodeRequest,
  type Request,
  type Standing,
} from '../../shared/consensus/message.ts';
import { currentRound } from '../../shared/consensus/safety.ts';
import { VoteTally } from '../../shared/consensus/tally.ts';
import {
  startQc,
  tenureEnd,
  type VerifiedQc,
  type VerifiedTc,
} from '../../shared/consensus/validators.ts';
import type { ChainPoint } from '../../shared/execution/execute-block.ts';
import { type Block, blockId, encodeBlock } from '../../shared/ledger/block.ts';
import {
  type QuorumCertificate,
  statementDigest,
  type TimeoutCertificate,
} from '../../shared/ledger/certificate.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import type { Transaction } from '../../shared/ledger/transaction.ts';
import { pendingBlock } from '../../shared/replica/chain.ts';
import { execute } from '../../shared/replica/execute.ts';
import { FinalState } from '../../shared/replica/final-state.ts';
import { otherValidators, ownIndex, type Replica } from '../../shared/replica/replica.ts';
import { standingOf } from '../../shared/replica/tell.ts';
import {
  committed,
  finalTransactions,
  forgeQc,
  forgeTc,
  type Sign,
  withoutMemory,
} from './forge.ts';
import type { Scheduler } from './scheduler.ts';

/** What the attacker remembers of the chain, past the point where a correct node forgets it. */
export class Memory {
  readonly #points = new Map<string, ChainPoint>();
  readonly #certificates = new Map<string, QuorumCertificate>();

  note(replica: Replica): void {
    this.#points.set(replica.head.id, replica.head);
    for (const [id, block] of replica.pending) {
      this.#points.set(id, block);
      const { qc } = block.block;
      // Where an epoch starts its first block has a certificate without signatures; the old one stays.
      if (qc.round > 0) this.#certificates.set(qc.block, qc);
    }
  }

  point(id: string): ChainPoint | undefined {
    return this.#points.get(id);
  }

  certificate(id: string): QuorumCertificate | undefined {
    return this.#certificates.get(id);
  }
}

export interface Attacker {
  readonly replica: Replica;
  readonly sign: Sign;
  readonly scheduler: Scheduler;
  readonly memory: Memory;
  /** Whether its made-up certificates have one signer, or others' names. */
  readonly alone: boolean;
  ask(to: string, message: Uint8Array): Promise<Uint8Array>;
}

const CHAIN = 3;

/**
 * The block to fork away: the newest that is final here by a certificate that nobody else has, or the
 * newest certified one that may be final for a leader that nobody hears any more.
 */
export function target({ head, pending, record, member }: Replica): ChainPoint | undefined {
  const certified = pending.get(record.highQc.block);
  if (!certified) return undefined;
  const isAlone = certified.header.author === member && certified.header.parent === head.id;
  if (isAlone && certified.header.round === head.header.round + 1) return head;
  return record.highTc?.round === currentRound(record) - 1 ? certified : undefined;
}

/** Forks a block away. Answers how many conflicting blocks it got certified by votes. */
export async function fork(attacker: Attacker, away: ChainPoint): Promise<number> {
  const { replica, memory, scheduler } = attacker;
  const { epochStart, record } = replica;
  const { set } = replica.epoch;
  const parent = memory.point(away.header.parent);
  if (!parent || away.header.epoch !== set.epoch) return 0;
  const isStart = parent.id === epochStart;
  const qc = isStart ? startQc(set.epoch, epochStart) : memory.certificate(parent.id);
  if (!qc || (parent.next && !isStart)) return 0;
  const others = otherValidators(replica);
  const victim = scheduler.pick(others);
  const round = currentRound(record);
  const real = timeoutsBefore(record, round);
  if (!real) await tell(attacker, victim, standingOf(replica));
  const old = isStart ? memory.certificate(epochStart) : undefined;
  if (old && old.epoch < set.epoch && scheduler.chance(0.7)) {
    // Where it counted, the others would go on from there as if nothing had been certified since.
    const standing = { ...standingOf(replica), qc: old };
    for (const member of others) if (member !== victim) await tell(attacker, member, standing);
    return 0;
  }
  const tc = real ?? (scheduler.chance(0.5) ? forgedTimeouts(attacker, parent) : null);
  const targets = others.filter((member) => real !== null || member !== victim);
  const view = withoutMemory(viewAt(replica, parent));
  const begins = await transactionsOf(replica, away);
  return extend(attacker, { view, parent, qc, tc, begins }, tc ? tc.round + 1 : round, targets);
}

/** What the block to fork away holds: nobody has to finish a fork of empty blocks. */
async function transactionsOf(replica: Replica, away: ChainPoint): Promise<readonly Transaction[]> {
  const block = replica.pending.get(away.id);
  return block
    ? (block.execution?.transactions ?? [])
    : finalTransactions(replica, away.header.height!);
}

/**
 * Tells two halves of the others two stories: two chains from the newest certificate, each to one half.
 * Answers how many blocks it got certified by votes.
 */
export async function split(attacker: Attacker): Promise<number> {
  const { replica, scheduler } = attacker;
  const here = newest(replica);
  if (!here) return 0;
  const others = otherValidators(replica);
  const first = others.filter(() => scheduler.chance(0.5));
  const second = others.filter((member) => !first.includes(member));
  const view = (): Replica => ({ ...replica, pending: new Map(replica.pending) });
  const [a, b] = await Promise.all([
    extend(attacker, { ...here, view: view() }, here.round, first),
    extend(attacker, { ...here, view: view(), laterMs: 1 }, here.round, second),
  ]);
  return a + b;
}

/** Asks everybody for votes on a chain with one thing wrong: time, state root, or what is on the ledger already. */
export async function push(attacker: Attacker): Promise<number> {
  const { replica, scheduler } = attacker;
  const here = newest(replica);
  if (!here) return 0;
  const again = (await committed(replica)).slice(0, 2);
  const forgetful = withoutMemory(replica);
  const wrong = scheduler.pick([{ laterMs: 30_000 }, { badRoot: true }, { again }]);
  const view = 'again' in wrong ? forgetful : { ...replica, pending: new Map(replica.pending) };
  return extend(attacker, { ...here, view, ...wrong }, here.round, otherValidators(replica));
}

/** Where a correct leader's next block would stand; undefined where there is nothing uncommitted to extend. */
function newest({ record, pending }: Replica) {
  const { highQc: qc } = record;
  const parent = pending.get(qc.block);
  if (!parent || parent.next) return undefined;
  const round = currentRound(record);
  return { parent, qc, tc: timeoutsBefore(record, round), round };
}

/** The timeout certificate that led to a round, if one did. */
const timeoutsBefore = ({ highTc }: Replica['record'], round: number): VerifiedTc | null =>
  highTc?.round === round - 1 ? highTc : null;

interface Fork {
  readonly view: Replica;
  readonly parent: ChainPoint;
  readonly qc: QuorumCertificate;
  readonly tc: TimeoutCertificate | null;
  /** Makes it another block than one that is alike. */
  readonly laterMs?: number;
  readonly badRoot?: boolean;
  readonly again?: readonly Transaction[];
  /** What its first block holds. */
  readonly begins?: readonly Transaction[];
}

async function extend(
  attacker: Attacker,
  from: Fork,
  first: number,
  targets: readonly string[],
): Promise<number> {
  const { replica, sign } = attacker;
  const { set } = replica.epoch;
  let { parent, qc } = from;
  let certified = 0;
  for (let step = 0; step < CHAIN; step++) {
    const round = first + step;
    if (leaderOf(set, parent.leaders, round) !== replica.member) break;
    const [tc, holds] = step === 0 ? [from.tc, from.begins ?? from.again] : [null, from.again];
    const block = await makeBlock(from, parent, qc, tc, round, holds);
    if (!block) break;
    from.view.pending.set(block.id, block);
    const { ledger, epoch } = set;
    const vote = { kind: 'vote', ledger, epoch, round, block: block.id } as const;
    const signature = sign(statementDigest(vote));
    const tally = new VoteTally(set, round, block.id);
    tally.add({ validator: ownIndex(replica), signature });
    const standing = standingOf(replica);
    const saying = {
      kind: 'proposal',
      standing,
      block: encodeBlock(block.block),
      signature,
    } as const;
    const honest = await certificateBy(tally, targets, async (member) => {
      const given = await voteOf(attacker, member, saying);
      const validator = set.validators.findIndex((entry) => entry.member === member);
      if (given) tally.add({ validator, signature: given });
    });
    if (honest) certified++;
    qc = honest ?? forgeQc(replica, sign, block, attacker.alone);
    parent = block;
  }
  const standing: Standing = { ...standingOf(replica), qc, tc: null };
  for (const member of targets) await tell(attacker, member, standing);
  return certified;
}

/** Asks all at once, and waits for no more than it takes: one that nobody reaches must not give the others time. */
function certificateBy(
  tally: VoteTally,
  members: readonly string[],
  ask: (member: string) => Promise<void>,
): Promise<VerifiedQc | undefined> {
  return new Promise((resolve, reject) => {
    const asked = members.map(async (member) => {
      await ask(member);
      const certificate = tally.certificate();
      if (certificate) resolve(certificate);
    });
    Promise.all(asked).then(() => resolve(undefined), reject);
  });
}

/** The replica as it was when that block was its head: state is versioned, so it can go on from there. */
function viewAt(replica: Replica, parent: ChainPoint): Replica {
  const final = new FinalState(replica.ports.state, parent.header.height!);
  return { ...replica, head: parent, pending: new Map(), final };
}

async function makeBlock(
  { view, laterMs = 0, badRoot = false }: Fork,
  parent: ChainPoint,
  qc: QuorumCertificate,
  tc: TimeoutCertificate | null,
  round: number,
  holds: readonly Transaction[] = [],
) {
  const time = Math.max(view.ports.time.now(), parent.header.time) + laterMs;
  const place = { round, parentRound: qc.round, author: view.member, time };
  const execution = await execute(view, parent, place, { kind: 'check' }, holds);
  if (execution instanceof Rejected || execution.next) return undefined;
  const stateRoot = badRoot ? execution.header.resultsRoot : execution.header.stateRoot;
  const header = { ...execution.header, stateRoot };
  const transactions = execution.transactions.map(({ bytes }) => bytes);
  const block: Block = { id: blockId(header), header, transactions, qc, tc };
  return pendingBlock(block, { ...execution, header });
}

/** A timeout certificate that skips to the attacker's next tenure. */
function forgedTimeouts(
  { replica, sign }: Attacker,
  parent: ChainPoint,
): TimeoutCertificate | null {
  const { set } = replica.epoch;
  let round = tenureEnd(set, currentRound(replica.record));
  for (let turn = 0; turn < set.validators.length; turn++, round += set.tenureRounds) {
    if (leaderOf(set, parent.leaders, round + 1) !== replica.member) continue;
    return forgeTc(replica, sign, round);
  }
  return null;
}

async function voteOf(
  attacker: Attacker,
  member: string,
  saying: Request,
): Promise<Uint8Array | undefined> {
  try {
    return decodeReply(await attacker.ask(member, encodeRequest(saying))).vote ?? undefined;
  } catch {
    return undefined;
  }
}

async function tell(attacker: Attacker, member: string, standing: Standing): Promise<void> {
  const tidings = { kind: 'tidings', standing, transactions: [], waiting: false } as const;
  await attacker.ask(member, encodeRequest(tidings)).catch(() => {});
}
