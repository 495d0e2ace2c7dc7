/**
 * Takes from the stores what stands above the head: uncommitted blocks, which are inserted, not trusted,
 * and held transactions.
 */
import { decodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { type Block, decodeBlock } from '../ledger/block.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction, type Transaction } from '../ledger/transaction.ts';
import { adoptCertificates, checkQc, commitHighest, insert, Refused } from './chain.ts';
import { expire } from './expire.ts';
import { finalityItem } from './history.ts';
import { itemName } from './items.ts';
import { senders } from './key-record.ts';
import type { Replica } from './replica.ts';

/** Inserts again, in order, the blocks that the record and the head's finality proof name. */
export async function restorePending(replica: Replica): Promise<void> {
  const { statement, highQc } = replica.record;
  const height = replica.head.header.height!;
  // Block 0 needs no proof.
  if (height > 0) {
    const { qc } = await finalityItem(replica, height);
    await insertChain(replica, qc.block);
    const checked = checkQc(replica, qc);
    if (checked) await adoptCertificates(replica, checked, null);
  }
  await insertChain(replica, highQc.block);
  if (statement?.kind === 'vote') await insertChain(replica, statement.block);
  await commitHighest(replica);
}

/**
 * Inserts a stored chain from what is at hand up to its last block; as far as it is there and fits. Bodies
 * that are being fetched already are not fetched again.
 */
export async function insertChain(
  replica: Replica,
  last: Digest,
  fetched: ReadonlyMap<Digest, Promise<Uint8Array | undefined>> = new Map(),
): Promise<void> {
  const chain: Block[] = [];
  for (let id = last; id !== replica.head.id && !replica.pending.has(id); ) {
    const bytes = await (fetched.get(id) ?? replica.ports.blocks.get(id));
    if (!bytes) return;
    const block = decodeBlock(bytes);
    const below =
      block.header.height !== null && block.header.height <= replica.head.header.height!;
    if (below || block.header.epoch !== replica.epoch.set.epoch) return;
    chain.push(block);
    id = block.header.parent;
  }
  for (const block of chain.reverse()) {
    const inserted = await insert(replica, block, 'stored');
    if (inserted instanceof Refused) {
      replica.log('restored-block-refused', { block: block.id, reason: inserted.reason });
      return;
    }
  }
}

type Held = ReturnType<Replica['ports']['mempool']['list']>;

/** Takes over the held transactions; those that are final by now are let go. */
export async function restoreMempool(replica: Replica, held: Held): Promise<void> {
  const transactions: Transaction[] = [];
  for (const { id, bytes } of await held) {
    const transaction = decodeTransaction(bytes);
    if (transaction instanceof Rejected || transaction.id !== id) {
      throw new Error(`the mempool store holds a damaged ${id}`);
    }
    transactions.push(transaction);
  }
  const senderOf = await senders(replica, transactions);
  for (const transaction of transactions) {
    replica.mempool.add(transaction, senderOf(transaction));
    replica.stored.add(transaction.id);
  }
  // Those that were committed just before the crash are found final here.
  const ids = [...replica.mempool].map(({ id }) => id);
  if (ids.length === 0) return;
  const places = await replica.ports.state.items(ids.map((id) => itemName.transaction(id)));
  const { height, time } = replica.head.header;
  const isPast = (id: Digest): boolean => replica.mempool.get(id)!.body.notAfter < time;
  const isFinal = (place: Uint8Array | undefined): boolean =>
    place !== undefined && (decodeCbor(place) as [number])[0] <= height!;
  // Committed before a snapshot so long that its place is not known, or not at all.
  const isOver = (id: Digest, place: Uint8Array | undefined): boolean =>
    isFinal(place) || (!place && replica.retained.state > 0 && isPast(id));
  const over = ids.filter((id, index) => isOver(id, places[index]));
  for (const id of over) replica.mempool.remove(id);
  const stored = over.filter((id) => replica.stored.delete(id));
  if (stored.length > 0) await replica.ports.mempool.remove(stored);
  // No block can take these any more, and no commit of this replica's has said so.
  expire(
    replica,
    replica.mempool.expired(time).map(({ id }) => id),
  );
}
