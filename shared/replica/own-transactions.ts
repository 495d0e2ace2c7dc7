/** Which transactions of the ledger this node's own member signed. */
import type { TransactionPlace } from '../api/ledger-service.ts';
import type { Digest } from '../bytes/digest.ts';
import type { Block } from '../ledger/block.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction } from '../ledger/transaction.ts';
import { finalBlocks } from './history.ts';
import { keyRecord } from './key-record.ts';
import type { Replica } from './replica.ts';

/** The member of each key, as found so far: it never becomes another member's. */
export type KeyOwners = Map<string, string | undefined>;

/** Blocks that are read for one answer, at the most. */
const BLOCKS_MAX = 512;

/** The indices and ids of a block's transactions that the node's own member signed. */
export async function ownIn(
  replica: Replica,
  { header, transactions }: Block,
  owners: KeyOwners,
): Promise<{ readonly index: number; readonly id: Digest }[]> {
  const own: { index: number; id: Digest }[] = [];
  for (const [index, bytes] of transactions.entries()) {
    const transaction = decodeTransaction(bytes);
    if (transaction instanceof Rejected) throw new Error(`block ${header.height} is damaged`);
    // The caller's; the others are endorsements.
    const keyId = transaction.keyIds[0]!;
    if (!owners.has(keyId)) owners.set(keyId, (await keyRecord(replica, keyId))?.member);
    if (owners.get(keyId) === replica.member) own.push({ index, id: transaction.id });
  }
  return own;
}

/**
 * The member's own transactions from a place on, in order, `limit` at the most. `next` is where to go on,
 * also once there is more. Reads a bounded number of blocks, so it may answer none before the head.
 */
export async function ownTransactions(
  replica: Replica,
  from: TransactionPlace,
  limit: number,
): Promise<{
  readonly ids: readonly Digest[];
  readonly next: TransactionPlace;
  readonly isAtHead: boolean;
}> {
  const head = replica.head.header.height!;
  const owners: KeyOwners = new Map();
  const ids: Digest[] = [];
  const begin = Math.max(1, from.height);
  const end = Math.min(head, begin + BLOCKS_MAX - 1);
  for await (const blocks of finalBlocks(replica, begin, end)) {
    for (const block of blocks) {
      const at = block.header.height!;
      for (const { index, id } of await ownIn(replica, block, owners)) {
        if (at === from.height && index < from.index) continue;
        if (ids.length === limit) return { ids, next: { height: at, index }, isAtHead: false };
        ids.push(id);
      }
    }
  }
  const next = from.height > end ? from : { height: end + 1, index: 0 };
  return { ids, next, isAtHead: end === head };
}
