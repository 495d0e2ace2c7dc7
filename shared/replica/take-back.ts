/** Transactions of blocks that may never be certified need another block: they are pending again. */
import type { Transaction } from '../ledger/transaction.ts';
import { senders } from './key-record.ts';
import { type Replica, uncertifiedBlocks } from './replica.ts';

/**
 * Holds again what stands in blocks without a certificate: their leader may never come back, and nobody
 * else may have these transactions. Never throws. Under the lock.
 */
export const takeBack = (replica: Replica): Promise<void> =>
  putBack(
    replica,
    uncertifiedBlocks(replica).flatMap(({ execution }) => execution?.transactions ?? []),
  );

/** Puts transactions of given-up blocks into the mempool again, where they are not final. Never throws. */
export async function putBack(
  replica: Replica,
  transactions: readonly Transaction[],
): Promise<void> {
  try {
    const senderOf = await senders(replica, transactions);
    for (const transaction of transactions) {
      // One that became final before this node's last start is known to the store only.
      if (await replica.final.isKnown(transaction.id)) continue;
      replica.mempool.add(transaction, senderOf(transaction));
    }
  } catch (error) {
    // The node that accepted them holds them, and brings them again.
    replica.log('put-back-failed', { error: String(error) });
  }
}
