/**
 * One node's replica of a ledger, as the files of this folder share it: ports, what is durable (as
 * last read or written), and what is volatile and can be lost at any moment.
 * How the parts move it: act (save, sign), chain (insert, commit), drive (lead), receive (answer),
 * alarm (wait), catch-up (follow).
 */
import type { TransactionStatus } from '../api/ledger-service.ts';
import type { Digest } from '../bytes/digest.ts';
import { leaderOf } from '../consensus/leaders.ts';
import type { VerifiedAttestation } from '../consensus/restored.ts';
import { currentRound, type SafetyRecord } from '../consensus/safety.ts';
import type { StatementBook } from '../consensus/statement-book.ts';
import type { TimeoutEntry, TimeoutTally } from '../consensus/tally.ts';
import { tenureEnd, validatorIndex } from '../consensus/validators.ts';
import type { Catalog } from '../contract/catalog.ts';
import type { Epoch } from '../execution/block-execution.ts';
import type { ChainPoint, Execution } from '../execution/execute-block.ts';
import type { Block } from '../ledger/block.ts';
import type { Genesis } from '../ledger/genesis.ts';
import type { Mempool, MempoolLimits } from '../mempool/mempool.ts';
import type { BlockStore } from '../ports/block-store.ts';
import type { Custody } from '../ports/custody.ts';
import type { HeadStore } from '../ports/head-store.ts';
import type { MempoolStore } from '../ports/mempool-store.ts';
import type { Peers } from '../ports/peers.ts';
import type { Signer } from '../ports/signer.ts';
import type { StateStore } from '../ports/state-store.ts';
import type { Time } from '../ports/time.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import type { CommitPace } from './commit-pace.ts';
import type { FinalState } from './final-state.ts';
import type { GenerationalCache } from './generational-cache.ts';
import type { Lock } from './lock.ts';
import type { Proven } from './proven.ts';
import type { Retained } from './retained.ts';
import type { EvidenceListener } from './witness.ts';

export interface Ports {
  readonly heads: HeadStore;
  readonly blocks: BlockStore;
  readonly state: StateStore;
  readonly mempool: MempoolStore;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly time: Time;
}

/** Takes what an operator may want to know; never a secret or a confidential value. */
export type Log = (event: string, fields?: Readonly<Record<string, unknown>>) => void;

export interface ReplicaOptions {
  readonly genesis: Genesis;
  readonly member: string;
  readonly catalog: Catalog;
  readonly ports: Ports;
  /** Identity of the store: a record made for another one is a restored backup. */
  readonly store: string;
  /**
   * The host knows that the store is an older copy, or was emptied: `store` must be a new identity. Given
   * until a replica was opened so once; from then on the record says it.
   */
  readonly restored?: boolean;
  /** The operator of a ledger with one validator accepts that what was committed since the backup is lost. */
  readonly acceptLoss?: boolean;
  readonly log: Log;
  /** Asks for a drive in another invocation, where this one answers votes and must not be kept busy. */
  readonly driveElsewhere?: () => void;
  /** Has a host that lives for one request look again for what is due after so long. */
  readonly wakeLater?: (ms: number) => void;
  /** Where several invocations of a node run at once: this one's name; one of them drives at a time. */
  readonly invocation?: string;
  /** Called once where another invocation moved the store on: this replica has stopped, and a new one is opened. */
  readonly onSuperseded?: () => void;
  /** Hears of what is found in the store that is not what was written: a sentence, which may come again. */
  readonly onDamaged?: (what: string) => void;
  /** More blocks behind than this takes a snapshot; how long a peer is waited for. As in `LIMITS` unless told. */
  readonly catchUp?: { readonly snapshotBehind?: number; readonly waitMs?: number };
  /** What this node keeps of old blocks; everything unless told. */
  readonly retain?: Retention;
  /** Keeps confidential values; without one the node signs no calls that have any, and takes none from others. */
  readonly keeper?: ValueKeeper | undefined;
  /** How many days backups of the vault are kept at the most: the node says so on the ledger. */
  readonly backupDays?: number | undefined;
  /** Keeps the node's peer key under the name `node`, which signs what the node says of itself: reports, endorsements. */
  readonly nodeCustody?: Custody | undefined;
  /** What this node holds of pending transactions; as in `LIMITS` unless told. */
  readonly mempoolLimits?: MempoolLimits;
}

/** How long bodies of blocks are kept: they are removed beyond all that is named. */
export interface Retention {
  /** The newest so many blocks. */
  readonly blocks: number;
  /** Blocks with a time this close to the newest one's. */
  readonly days?: number | undefined;
}

/** An executed block that is not final yet. `execution` is null for a block that closes an epoch. */
export interface PendingBlock extends ChainPoint {
  readonly block: Block;
  readonly execution: Execution | null;
  readonly ids: ReadonlySet<Digest>;
}

/** Somebody in this process who waits for a transaction. */
export type Waiter = (outcome: TransactionStatus) => void;

export interface Replica extends ReplicaOptions {
  readonly ledger: Digest;
  /** Serialises everything that decides on the record or moves the head. */
  readonly lock: Lock;
  readonly mempool: Mempool;
  readonly final: FinalState;
  /** Transactions that may stand in the mempool store, and have to be removed there when they end. */
  readonly stored: Set<Digest>;
  readonly waiters: Map<Digest, Set<Waiter>>;
  /** Transactions that were given up lately. */
  readonly expired: GenerationalCache<Digest, true>;
  readonly commitListeners: Set<(height: number) => void>;
  /** Called after others' values of a committed transaction came to the vault. */
  readonly valueListeners: Set<() => void>;
  /** The safety record: as stored, plus certificates learned since. */
  record: SafetyRecord;
  /** The record as this replica saved it last; null where it is not known to be the stored one. */
  durableRecord: SafetyRecord | null;
  /** Where what this node keeps begins. */
  retained: Retained;
  /** What of the store was proven since this replica was opened. */
  readonly proven: Proven;
  /** Version of the stored head record. */
  headVersion: number;
  /** The snapshot that the state began with, as the head record says it (`StoredHead`). */
  snapshot: number;
  /** The last final block. */
  head: ChainPoint;
  /** The epoch of the next block, and the final block that it starts from. */
  epoch: Epoch;
  epochStart: Digest;
  /** Executed blocks above the head. */
  pending: Map<Digest, PendingBlock>;
  timeouts: TimeoutTally;
  /** Signed statements of the epoch as they were seen: evidence of double signing comes from it. */
  book: StatementBook;
  readonly evidenceListeners: Set<EvidenceListener>;
  /** Hear that a block was committed that erases confidential values. */
  readonly erasureListeners: Set<() => void>;
  /** Rings since the last commit: the first asks, later ones time the leader out. */
  rings: number;
  /** When another node's waiting was the first ring, by this node's clock; null where that was its own. */
  toldAt: number | null;
  alarmAt: number | null;
  /** When the alarm was set the first time since it rang, by this node's clock. */
  quietSince: number;
  /** The drive under way, and whether it was asked for once more meanwhile. */
  driving: Promise<void> | null;
  driveAgain: boolean;
  /**
   * This invocation's lease of the drive, until when by its clock, and the version that it wrote last; null
   * where a node has but one replica.
   */
  lease: { readonly holder: string; until: number; version?: number | undefined } | null;
  /** Called whenever the current round rises. */
  readonly advanceListeners: Set<() => void>;
  /** This node's last timeout of the epoch, as sent. */
  ownTimeout: TimeoutEntry | null;
  /** Transactions of clients that are being checked: a leader's next block waits a little for them. */
  admitting: number;
  /** How long this node takes to execute one transaction, as measured lately. */
  msPerTransaction: number;
  /** What was committed lately. */
  readonly pace: CommitPace;
  /** Proposals under way to each member. */
  readonly proposalsUnderWay: Map<string, number>;
  /** Catch-ups under way, by the member that is asked. */
  readonly catchingUp: Map<string, Promise<void>>;
  /** Blocks are being inserted in numbers: one move of the head commits many of them. */
  deferCommits: boolean;
  /** Going a long way, one peer at a time. */
  syncing: Promise<void> | null;
  /** Removing bodies that need not be kept any more. */
  pruning: boolean;
  /** Pending transactions to bring to the leader, and the leader that a batch is under way to. */
  readonly outbox: Set<Digest>;
  /** Members whose request is answered when the drive is over: the answer brings what others are told. */
  readonly answering: Set<string>;
  forwardingTo: string | null;
  /** What goes on without its caller: a host that ends with its request waits for it. */
  readonly background: Set<Promise<unknown>>;
  /** The head's height of each member, as it said when last heard of: unchecked. */
  readonly heights: Map<string, number>;
  /** Members that did not answer when last asked. */
  missing: Set<string>;
  /** What the other validators answered to this restored node, in which epoch, and how often it asked. */
  recovery: Recovery;
  stopped: boolean;
}

/** How far a restored node has come with asking the others. */
export interface Recovery {
  readonly epoch: number;
  readonly attestations: Map<string, VerifiedAttestation>;
  readonly underWay: Set<string>;
  asked: number;
  askedAt: number;
}

/** Another invocation of this node moved its store on: open a new replica. Nothing is lost by it. */
export class Superseded extends Error {
  constructor(replica: Replica) {
    super('another invocation of this node moved its store on');
    const { stopped } = replica;
    replica.stopped = true;
    if (stopped) return;
    // Whoever collects votes gives up.
    for (const listener of replica.advanceListeners) listener();
    replica.onSuperseded?.();
  }
}

/** Lets something go on without its caller. It must not throw. */
export function inBackground(replica: Replica, work: Promise<unknown>): void {
  const { background } = replica;
  background.add(work);
  void work.finally(() => background.delete(work));
}

/** The node's own keys, by which it signs what it says of itself. */
export function nodeKeys({ nodeCustody }: Replica): Custody {
  if (nodeCustody) return nodeCustody;
  throw new Error('a node that is opened without its peer key says nothing of itself');
}

/** Waits by this node's clock. */
export const pause = ({ ports }: Replica, ms: number): Promise<void> =>
  new Promise((resolve) => {
    ports.time.after(ms, resolve);
  });

/** Resolves when nothing goes on any more: a host that lives for one request ends then. */
export async function quiet(replica: Replica): Promise<void> {
  while (replica.background.size > 0) await Promise.all(replica.background);
  // What waits for the lock still.
  await replica.lock.run(async () => {});
  if (replica.background.size > 0) await quiet(replica);
}

/**
 * This node's index in the epoch's validator set; −1 where it is none, and where it does not hold the
 * key that the set names: it was replaced, or its turn comes with a later epoch.
 */
export function ownIndex({ epoch, member, ports }: Replica): number {
  const index = validatorIndex(epoch.set, member);
  return index >= 0 && ports.signer.holds(epoch.set.validators[index]!.key) ? index : -1;
}

/** The other validators of the epoch. */
export const otherValidators = (replica: Replica): string[] =>
  replica.epoch.set.validators
    .map(({ member }) => member)
    .filter((member) => member !== replica.member);

/** All other members: validators and those who follow without a vote. */
export const otherMembers = (replica: Replica): string[] => [
  ...otherValidators(replica),
  ...replica.epoch.observers.filter((member) => member !== replica.member),
];

/** The executed block, or the head, with an id. */
export const pointOf = (replica: Replica, id: Digest): ChainPoint | undefined =>
  replica.head.id === id ? replica.head : replica.pending.get(id);

/** The member that leads the current round, as far as this replica knows the chain. */
export function leaderNow({ record, head, pending, epoch }: Replica): string {
  const { leaders } = pending.get(record.highQc.block) ?? head;
  return leaderOf(epoch.set, leaders, currentRound(record));
}

/** The last round of the tenure that holds the current round: what a timeout is for. */
export const currentTenureEnd = ({ epoch, record }: Replica): number =>
  tenureEnd(epoch.set, currentRound(record));

/** The uncommitted blocks from one down to the head, newest first. */
export function uncommitted(replica: Replica, id: Digest): PendingBlock[] {
  const chain: PendingBlock[] = [];
  for (let at = id; at !== replica.head.id; ) {
    const block = replica.pending.get(at);
    if (!block) throw new Error(`block ${at} does not descend from the head`);
    chain.push(block);
    at = block.header.parent;
  }
  return chain;
}

/** Executed blocks that this node knows of no certificate for, its own or a descendant's. */
export function uncertifiedBlocks({ pending, record }: Replica): PendingBlock[] {
  const certified = new Set<Digest>();
  for (let at = pending.get(record.highQc.block); at; at = pending.get(at.header.parent)) {
    certified.add(at.id);
  }
  return [...pending.values()].filter(({ id }) => !certified.has(id));
}

/**
 * Whether a chain that ends in this certified block has something in it that still needs a block on top.
 * What the certificate makes final needs none, though it may not be committed here yet.
 */
export function needsCommit(replica: Replica, id: Digest): boolean {
  const chain = uncommitted(replica, id);
  const [top] = chain;
  const isFinalBelow = top && top.header.round === top.header.parentRound + 1;
  return (isFinalBelow ? [top] : chain).some(({ ids, next }) => ids.size > 0 || next !== null);
}
