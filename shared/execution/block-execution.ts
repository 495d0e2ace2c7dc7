/**
 * The transactions of one block in order: in-block ordering, dedupe, what the platform itself writes
 * (recent ids, epochs), and the next epoch where governance asked for one. `run` is called again,
 * with what it lacked fetched, until it answers; what was done stays done.
 */
import { type Cbor, decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { encodeLeaders, type Leaders } from '../consensus/leaders.ts';
import { encodeValidators, type ValidatorSet, validatorSetOf } from '../consensus/validators.ts';
import type { Catalog } from '../contract/catalog.ts';
import { type EpochRecord, type MemberRecord, SYSTEM_KEYS } from '../contract/system-records.ts';
import type { ConsensusParameters } from '../ledger/limits.ts';
import { Rejected, rejected } from '../ledger/rejection.ts';
import type { TransactionResult } from '../ledger/result.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { type BlockFacts, checkSignatures, runTransaction } from './run-transaction.ts';
import { type Base, type Layer, Miss, type Misses, prefixRange, View } from './view.ts';

/** An epoch: who certifies its blocks under which parameters. */
export interface Epoch {
  readonly set: ValidatorSet;
  readonly parameters: ConsensusParameters;
  /** Members without a vote, who are told of what was certified. */
  readonly observers: readonly string[];
  /** State values that its first block writes: what members agreed on to recover the ledger. */
  readonly amendments: readonly (readonly [key: string, value: Uint8Array])[];
}

/** What a block's transactions did. */
export interface BlockOutcome {
  readonly transactions: readonly Transaction[];
  readonly results: readonly TransactionResult[];
  readonly writes: Layer;
  /** Where the block ends its epoch: the next one. */
  readonly next: Epoch | null;
  /** Candidates that may not stand in a block, with why (building only). */
  readonly dropped: readonly { readonly transaction: Transaction; readonly rejected: Rejected }[];
}

/** Where a block's execution starts. */
export interface Ancestry {
  /** Writes of uncommitted ancestors, newest first. */
  readonly layers: readonly Layer[];
  /** Transactions in uncommitted ancestors. */
  readonly includes: (id: Digest) => boolean;
  readonly base: Base;
}

/** Building takes what fits and drops the rest; checking refuses a block with one bad transaction. */
export type ExecutionMode =
  | { readonly kind: 'build'; readonly bytesMax: number; readonly transactionsMax: number }
  | { readonly kind: 'check' };

export const RECENT_PREFIX = 'ledger/recent/';
/** Who is passed over as a leader. A block needs it of its parent: it is read when a node starts. */
export const LEADERS_KEY = 'ledger/leaders/current';
/**
 * The lowest height whose ids may be remembered still. Forgotten entries leave a version of their key behind in the store:
 * whoever began at the first one would read them all again, more of them with every block.
 */
export const REMEMBERED_FROM = 'ledger/remembered/from';
/** Every so many blocks one forgets, at the most so many as come in twice that time. */
const FORGET_EVERY = 32;
const FORGET_MAX = 2 * FORGET_EVERY;
/** Whether the block at a height forgets what is over, whether it holds transactions or not. */
export const forgetsAt = (height: number): boolean => height % FORGET_EVERY === 0;
/** Members ever, removed ones included, that the next validator set is drawn from. */
const MEMBERS_MAX = 4096;

export class BlockExecution {
  readonly #facts: BlockFacts;
  readonly #catalog: Catalog;
  readonly #ancestry: Ancestry;
  readonly #mode: ExecutionMode;
  readonly #candidates: readonly Transaction[];

  #next = 0;
  #bytes = 0;
  readonly #writes = new Map<string, Uint8Array | null>();
  readonly #included: Transaction[] = [];
  readonly #ids = new Set<Digest>();
  readonly #results: TransactionResult[] = [];
  readonly #dropped: { transaction: Transaction; rejected: Rejected }[] = [];

  constructor(options: {
    readonly facts: BlockFacts;
    /** Who is passed over after this block, where it changes that. */
    readonly leaders: Leaders | null;
    /** In an epoch's first block: what the members agreed to amend, mostly nothing. */
    readonly amendments: Epoch['amendments'] | null;
    readonly catalog: Catalog;
    readonly ancestry: Ancestry;
    readonly mode: ExecutionMode;
    readonly candidates: readonly Transaction[];
  }) {
    this.#facts = options.facts;
    this.#catalog = options.catalog;
    this.#ancestry = options.ancestry;
    this.#mode = options.mode;
    this.#candidates = options.candidates;
    if (options.leaders) this.#put(this.#writes, LEADERS_KEY, encodeLeaders(options.leaders));
    if (options.amendments) {
      for (const [key, value] of options.amendments) this.#writes.set(key, value);
      this.#put(this.#writes, SYSTEM_KEYS.epoch, { current: this.#facts.epoch, next: null });
    }
  }

  /**
   * The outcome; undefined where `misses` has to be fetched first; `Rejected` where a block under
   * check holds a transaction that may not stand in one.
   */
  run(misses: Misses): BlockOutcome | Rejected | undefined {
    this.#checkSignatures(misses);
    // After the first miss the rest runs on, on a layer that is thrown away, to learn of more misses.
    let speculative: Map<string, Uint8Array | null> | undefined;
    for (let index = this.#next; index < this.#candidates.length; index++) {
      const candidate = this.#candidates[index]!;
      const layers = speculative ? [speculative, this.#writes] : [this.#writes];
      const view = new View([...layers, ...this.#ancestry.layers], this.#ancestry.base, misses);
      try {
        const duplicate = this.#isDuplicate(candidate.id, misses);
        const outcome = duplicate ?? runTransaction(candidate, this.#facts, this.#catalog, view);
        if (speculative) {
          if (!(outcome instanceof Rejected)) addAll(speculative, outcome.writes);
          continue;
        }
        if (outcome instanceof Rejected) {
          if (this.#mode.kind === 'check') return outcome;
          this.#dropped.push({ transaction: candidate, rejected: outcome });
        } else if (!this.#take(candidate, outcome.result, outcome.writes)) {
          return this.#finish(misses);
        }
        this.#next = index + 1;
      } catch (error) {
        if (!(error instanceof Miss)) throw error;
        speculative ??= new Map();
      }
    }
    return misses.empty ? this.#finish(misses) : undefined;
  }

  /**
   * All signatures one right after the other, before anything runs: between two runs a check finds the processor's caches
   * full of other things, and takes a quarter longer. The first that is bad ends it: a block under check is refused for it.
   */
  #checkSignatures(misses: Misses): void {
    const view = new View([this.#writes, ...this.#ancestry.layers], this.#ancestry.base, misses);
    for (let index = this.#next; index < this.#candidates.length; index++) {
      try {
        if (!checkSignatures(view, this.#candidates[index]!)) return;
      } catch (error) {
        if (!(error instanceof Miss)) throw error;
      }
    }
  }

  #isDuplicate(id: Digest, misses: Misses): Rejected | undefined {
    let known: boolean | undefined = this.#ids.has(id) || this.#ancestry.includes(id);
    if (!known) known = this.#ancestry.base.known(id);
    if (known === undefined) {
      misses.transactions.add(id);
      throw new Miss();
    }
    return known ? rejected('duplicate', 'The transaction is on the ledger already.') : undefined;
  }

  /** Takes a result into the block; answers false where the block is full. */
  #take(transaction: Transaction, result: TransactionResult, writes: Layer): boolean {
    if (this.#mode.kind === 'build') {
      const { bytesMax, transactionsMax } = this.#mode;
      if (this.#included.length >= transactionsMax) return false;
      if (this.#bytes + transaction.bytes.length > bytesMax) return false;
    }
    this.#bytes += transaction.bytes.length;
    this.#included.push(transaction);
    this.#ids.add(transaction.id);
    this.#results.push(result);
    addAll(this.#writes, writes);
    return true;
  }

  #finish(misses: Misses): BlockOutcome | undefined {
    const writes = new Map(this.#writes);
    const view = new View([writes, ...this.#ancestry.layers], this.#ancestry.base, misses);
    try {
      if (this.#included.length > 0) this.#rememberIds(writes);
      if (forgetsAt(this.#facts.height)) this.#forgetIds(view, writes);
      const next = this.#nextEpoch(view);
      if (next) {
        const key = SYSTEM_KEYS.validators(next.set.epoch);
        this.#put(writes, key, validatorsRecord(next.set));
      }
      return {
        transactions: this.#included,
        results: this.#results,
        writes,
        next,
        dropped: this.#dropped,
      };
    } catch (error) {
      if (!(error instanceof Miss)) throw error;
      return undefined;
    }
  }

  /**
   * Dedupe is part of the state: each block's ids are remembered until no transaction of it could
   * be valid again, so a node that starts from a snapshot refuses the same repeats.
   */
  #rememberIds(writes: Map<string, Uint8Array | null>): void {
    const { height, time, windowMs } = this.#facts;
    const ids = this.#included.map((transaction) => transaction.id).join('');
    this.#put(writes, recentKey(height), [time + windowMs, ids]);
  }

  #forgetIds(view: View, writes: Map<string, Uint8Array | null>): void {
    const { height, time } = this.#facts;
    const stored = view.get(REMEMBERED_FROM);
    let from = stored ? (decodeCbor(stored) as number) : 0;
    const { to, limit } = prefixRange(RECENT_PREFIX, FORGET_MAX);
    const found = view.scan({ from: recentKey(from), to, limit });
    for (const { key, value } of found) {
      const [until] = decodeCbor(value) as [number];
      if (until >= time) break;
      writes.set(key, null);
      from = Number(key.slice(RECENT_PREFIX.length)) + 1;
    }
    // Those without transactions left no entry.
    if (found.length === 0) from = height;
    this.#put(writes, REMEMBERED_FROM, from);
  }

  #nextEpoch(view: View): Epoch | null {
    const { epoch, ledger } = this.#facts;
    // Only a governance transaction asks for a new epoch, and writes this record.
    const written = view.layers[0]!.get(SYSTEM_KEYS.epoch);
    if (!written) return null;
    const record = decodeCbor(written) as unknown as EpochRecord;
    if (record.next !== epoch + 1) return null;
    return epochOf(ledger, epoch + 1, view);
  }

  #put(writes: Map<string, Uint8Array | null>, key: string, value: Cbor): void {
    writes.set(key, encodeCbor(value));
  }
}

/** The epoch that the members and parameters in the state make. */
export function epochOf(ledger: Digest, epoch: number, view: View): Epoch {
  const members = view
    .scan(prefixRange(SYSTEM_KEYS.members, MEMBERS_MAX))
    .map(({ value }) => decodeCbor(value) as unknown as MemberRecord);
  const stored = view.get(SYSTEM_KEYS.parameters);
  if (!stored) throw new Error('the ledger has no parameters');
  const parameters = decodeCbor(stored) as unknown as ConsensusParameters;
  const active = members.filter((member) => member.active);
  const set = validatorSetOf(ledger, epoch, parameters.tenureRounds, active);
  return { set, parameters, observers: observersOf(active), amendments: [] };
}

/** State key of the ids of one block: ordered by height. */
export const recentKey = (height: number): string =>
  `${RECENT_PREFIX}${String(height).padStart(16, '0')}`;

/** A validator set as the state keeps it (`ValidatorsRecord`), so that whose key was whose can be told in later epochs. */
export const validatorsRecord = ({ validators }: ValidatorSet): Cbor =>
  encodeValidators(validators);

/** The members that follow without a vote, in the order of their ids. */
export const observersOf = (
  members: readonly { readonly id: string; readonly validator: boolean }[],
): string[] =>
  members
    .filter(({ validator }) => !validator)
    .map(({ id }) => id)
    .sort();

function addAll(target: Map<string, Uint8Array | null>, source: Layer): void {
  for (const [key, value] of source) target.set(key, value);
}
