/**
 * Pending transactions of one node, and who may have how many of them wait. Pure bookkeeping:
 * durability is the mempool store's, admission `admit.ts`'s. Nothing that was taken is ever put out.
 *
 * A sender is the member whose key signed first, and below it that key. Room is shared by dynamic
 * thresholds (Choudhury & Hahne, "Dynamic queue length thresholds for shared-memory packet switches",
 * IEEE/ACM ToN 6(2), 1998, with α = 1), blocks are filled in turns (Nagle, RFC 970).
 */
import type { Digest } from '../bytes/digest.ts';
import { LIMITS } from '../ledger/limits.ts';
import type { Transaction } from '../ledger/transaction.ts';

/** What a node holds at the most. */
export interface MempoolLimits {
  readonly transactionsMax: number;
  readonly bytesMax: number;
}

/** What one node holds unless it is told otherwise. */
export const MEMPOOL_LIMITS: MempoolLimits = {
  transactionsMax: LIMITS.mempoolTransactionsMax,
  bytesMax: LIMITS.mempoolBytesMax,
};

/** A share that is used up: whose, of what, and how much that is at the moment. */
export interface UsedUp {
  readonly of: 'member' | 'key';
  readonly unit: 'transactions' | 'bytes';
  readonly share: number;
}

interface Load {
  transactions: number;
  bytes: number;
}

interface OfKey extends Load {
  /** In the order of arrival. */
  readonly pending: Map<Digest, Transaction>;
}

interface OfMember extends Load {
  /** By key id; who was served longest ago comes first. */
  readonly keys: Map<string, OfKey>;
}

interface Entry {
  readonly transaction: Transaction;
  readonly member: string;
}

export class Mempool {
  readonly #limits: MempoolLimits;
  readonly #held: Load = { transactions: 0, bytes: 0 };
  readonly #pending = new Map<Digest, Entry>();
  /** Who was served longest ago comes first. */
  readonly #members = new Map<string, OfMember>();

  constructor(limits: MempoolLimits = MEMPOOL_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#pending.size;
  }

  get(id: Digest): Transaction | undefined {
    return this.#pending.get(id)?.transaction;
  }

  /**
   * The share that one more transaction of a member's key would exceed; undefined where there is room.
   * A member may hold as much as stays free, a key as much as its member then has left: one that floods
   * gets a third, its member half, and whoever comes later finds room.
   */
  usedUp(member: string, keyId: string, bytes: number): UsedUp | undefined {
    const ofMember = this.#members.get(member);
    const ofKey = ofMember?.keys.get(keyId);
    return (
      this.#usedUp('transactions', this.#limits.transactionsMax, 1, ofMember, ofKey) ??
      this.#usedUp('bytes', this.#limits.bytesMax, bytes, ofMember, ofKey)
    );
  }

  #usedUp(
    unit: keyof Load,
    max: number,
    more: number,
    ofMember: Load | undefined,
    ofKey: Load | undefined,
  ): UsedUp | undefined {
    const byMember = ofMember?.[unit] ?? 0;
    const byKey = ofKey?.[unit] ?? 0;
    const free = max - this.#held[unit];
    const left = free - more - (byMember + more);
    if (left < 0) return { of: 'member', unit, share: Math.max(0, free) };
    if (left < byKey + more) return { of: 'key', unit, share: Math.max(0, free - byMember) };
    return undefined;
  }

  /** Takes a transaction of a member, whether there is room or not; answers whether it is new. */
  add(transaction: Transaction, member: string): boolean {
    const { id } = transaction;
    if (this.#pending.has(id)) return false;
    this.#pending.set(id, { transaction, member });
    const keyId = transaction.keyIds[0]!;
    const ofMember = this.#members.get(member) ?? { transactions: 0, bytes: 0, keys: new Map() };
    const ofKey = ofMember.keys.get(keyId) ?? { transactions: 0, bytes: 0, pending: new Map() };
    if (ofMember.transactions === 0) this.#members.set(member, ofMember);
    if (ofKey.transactions === 0) ofMember.keys.set(keyId, ofKey);
    ofKey.pending.set(id, transaction);
    for (const load of [this.#held, ofMember, ofKey]) count(load, 1, transaction.bytes.length);
    return true;
  }

  remove(id: Digest): boolean {
    const entry = this.#pending.get(id);
    if (!entry) return false;
    this.#pending.delete(id);
    const { transaction, member } = entry;
    const keyId = transaction.keyIds[0]!;
    const ofMember = this.#members.get(member)!;
    const ofKey = ofMember.keys.get(keyId)!;
    ofKey.pending.delete(id);
    for (const load of [this.#held, ofMember, ofKey]) count(load, -1, -transaction.bytes.length);
    if (ofKey.transactions === 0) ofMember.keys.delete(keyId);
    if (ofMember.transactions === 0) this.#members.delete(member);
    return true;
  }

  /** Takes all that another one holds. */
  addAll(other: Mempool): void {
    for (const { transaction, member } of other.#pending.values()) this.add(transaction, member);
  }

  /**
   * As many as `exclude` does not name, within a block's limits: one of each member in turn, of the key whose
   * turn it is, its oldest first. Whoever was not served goes first the next time.
   */
  select(limits: MempoolLimits, exclude: (id: Digest) => boolean): Transaction[] {
    const selected: Transaction[] = [];
    let bytes = 0;
    const next = cursors(exclude);
    // A Map's iteration comes to an entry again that was set anew.
    for (const [member, ofMember] of this.#members) {
      const found = next(ofMember);
      if (!found) continue;
      const { transaction } = found;
      bytes += transaction.bytes.length;
      if (bytes > limits.bytesMax || selected.length >= limits.transactionsMax) break;
      selected.push(transaction);
      toBack(ofMember.keys, transaction.keyIds[0]!, found.ofKey);
      toBack(this.#members, member, ofMember);
    }
    return selected;
  }

  /** How many are committed, in turns, until half of what a member holds is. */
  untilHalf(member: string): number {
    const half = Math.ceil((this.#members.get(member)?.transactions ?? 0) / 2);
    let sum = 0;
    for (const { transactions } of this.#members.values()) sum += Math.min(transactions, half);
    return sum;
  }

  /** Whether one is held that a block of this time could still take. */
  hasLive(time: number): boolean {
    for (const { transaction } of this.#pending.values()) {
      if (transaction.body.notAfter >= time) return true;
    }
    return false;
  }

  /** Those whose notAfter lies before a time. */
  expired(time: number): Transaction[] {
    const expired: Transaction[] = [];
    for (const transaction of this) if (transaction.body.notAfter < time) expired.push(transaction);
    return expired;
  }

  /** All, in the order of arrival. */
  *[Symbol.iterator](): Iterator<Transaction> {
    for (const { transaction } of this.#pending.values()) yield transaction;
  }
}

function count(load: Load, transactions: number, bytes: number): void {
  load.transactions += transactions;
  load.bytes += bytes;
}

function toBack<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
}

/** Where a selection has come to with each member and key: answers the next one of a member. */
function cursors(exclude: (id: Digest) => boolean) {
  const keysOf = new Map<OfMember, Iterator<OfKey>>();
  const pendingOf = new Map<OfKey, Iterator<Transaction>>();
  const cursor = <K, V>(known: Map<K, Iterator<V>>, of: K, values: () => Iterator<V>) => {
    const begun = known.get(of) ?? values();
    known.set(of, begun);
    return begun;
  };
  return (ofMember: OfMember): { transaction: Transaction; ofKey: OfKey } | undefined => {
    const keys = cursor(keysOf, ofMember, () => ofMember.keys.values());
    for (let key = keys.next(); !key.done; key = keys.next()) {
      const ofKey = key.value;
      const pending = cursor(pendingOf, ofKey, () => ofKey.pending.values());
      for (let one = pending.next(); !one.done; one = pending.next()) {
        if (!exclude(one.value.id)) return { transaction: one.value, ofKey };
      }
    }
    return undefined;
  };
}
