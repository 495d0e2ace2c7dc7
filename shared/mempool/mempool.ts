/**
 * Pending transactions of one node, in the order of arrival. Pure bookkeeping: durability is the
 * mempool store's, admission `admit.ts`'s.
 */
import type { Digest } from '../bytes/digest.ts';
import { LIMITS } from '../ledger/limits.ts';
import type { Transaction } from '../ledger/transaction.ts';

export class Mempool {
  readonly #pending = new Map<Digest, Transaction>();

  get size(): number {
    return this.#pending.size;
  }

  get full(): boolean {
    return this.#pending.size >= LIMITS.mempoolTransactionsMax;
  }

  get(id: Digest): Transaction | undefined {
    return this.#pending.get(id);
  }

  /** Adds a transaction; answers whether it is new. */
  add(transaction: Transaction): boolean {
    if (this.#pending.has(transaction.id)) return false;
    this.#pending.set(transaction.id, transaction);
    return true;
  }

  remove(id: Digest): boolean {
    return this.#pending.delete(id);
  }

  /** The oldest ones that `exclude` does not name, within a block's limits. */
  select(
    limits: { readonly bytesMax: number; readonly transactionsMax: number },
    exclude: (id: Digest) => boolean,
  ): Transaction[] {
    const selected: Transaction[] = [];
    let bytes = 0;
    for (const transaction of this.#pending.values()) {
      if (exclude(transaction.id)) continue;
      bytes += transaction.bytes.length;
      if (bytes > limits.bytesMax || selected.length >= limits.transactionsMax) break;
      selected.push(transaction);
    }
    return selected;
  }

  /** Whether one is held that a block of this time could still take. */
  hasLive(time: number): boolean {
    for (const { body } of this.#pending.values()) if (body.notAfter >= time) return true;
    return false;
  }

  /** Those whose notAfter lies before a time. */
  expired(time: number): Transaction[] {
    return [...this.#pending.values()].filter(({ body }) => body.notAfter < time);
  }

  *[Symbol.iterator](): Iterator<Transaction> {
    yield* this.#pending.values();
  }
}
