/**
 * What a node serves is proven first, against its head, which was proven final when it started: whoever changed its
 * store in between shows by it, whatever its checksums say. Ids of blocks are proven by the history tree, bodies and
 * results by their header's roots, values by the state tree; what was proven once is not proven again.
 *
 * A store that has to be waited for (one without `StateStore.now`) is a service, which guards what it holds: there a
 * proof would take more reads than what is read.
 */
import { sha256Hex } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import {
  inclusionPlan,
  leafHash,
  merkleRoot,
  type NodePlace,
  pathFromNodes,
  verifyInclusion,
} from '../bytes/merkle.ts';
import { toHex } from '../bytes/text.ts';
import { findLeaf, type TreeRoot } from '../execution/state-tree.ts';
import { type Block, blockId, type Header } from '../ledger/block.ts';
import type { Receipt } from '../ledger/receipt.ts';
import type { ImmediateReads } from '../ports/state-store.ts';
import { StoreFault } from '../ports/store-fault.ts';
import { verifyReceipt } from '../proof/verify.ts';
import { GenerationalCache } from './generational-cache.ts';
import { itemName } from './items.ts';
import type { Replica } from './replica.ts';

/** Heights whose proofs are remembered. */
const HEIGHTS_MAX = 20_000;

/** What was proven since the replica was opened, by height. */
export interface Proven {
  readonly ids: GenerationalCache<number, Digest>;
  /** Block ids whose transactions, and whose results, have the roots of their header. */
  readonly bodies: GenerationalCache<number, true>;
  readonly results: GenerationalCache<number, true>;
}

export const nothingProven = (): Proven => ({
  ids: new GenerationalCache(HEIGHTS_MAX),
  bodies: new GenerationalCache(HEIGHTS_MAX),
  results: new GenerationalCache(HEIGHTS_MAX),
});

/** The fault of a store that holds something else than what was written; its host hears of it. */
export function damaged(replica: Replica, what: string): StoreFault {
  const fault = new StoreFault('damaged', `The store is damaged: ${what}`);
  replica.onDamaged?.(fault.message);
  return fault;
}

/** Runs a read; whatever is wrong with what it found is damage. */
export function readable<T>(replica: Replica, what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof StoreFault) {
      if (error.code === 'damaged') replica.onDamaged?.(error.message);
      throw error;
    }
    throw damaged(replica, `${what} can’t be read (${(error as Error).message})`);
  }
}

/** Checks that the block of a final height has this id. */
export function proveId(replica: Replica, height: number, id: Digest): void {
  const { now } = replica.ports.state;
  const { head, proven } = replica;
  if (!now || proven.ids.get(height) === id) return;
  const size = head.header.height!;
  const holds =
    height === size ? id === head.id : height < size && isInHistory(now, head.header, height, id);
  if (!holds) throw damaged(replica, `block ${height} is not the one that the head’s history has`);
  proven.ids.set(height, id);
}

function isInHistory(now: ImmediateReads, head: Header, height: number, id: Digest): boolean {
  const size = head.height!;
  const plan = inclusionPlan(height, size);
  const node = ({ level, index }: NodePlace): Digest => {
    const hash = now.item(itemName.history(level, index));
    // No digest at all, so that the proof fails.
    return (hash ? toHex(hash) : '') as Digest;
  };
  const leaf = leafHash(Buffer.from(id, 'hex'));
  if (plan.flat().some((place) => node(place) === '')) return false;
  const path = pathFromNodes(plan, node);
  return verifyInclusion({ leaf, index: height, size, path, root: head.historyRoot });
}

/** Checks that a block is the one with this proven id, body and all. */
export function proveBlock(replica: Replica, height: number, id: Digest, block: Block): void {
  const { proven } = replica;
  if (!replica.ports.state.now || proven.bodies.get(height)) return;
  const isWhole =
    block.id === id &&
    block.header.height === height &&
    merkleRoot(block.transactions.map(leafHash)) === block.header.transactionsRoot;
  if (!isWhole) throw damaged(replica, `the body of block ${height} is not what its id says`);
  proven.bodies.set(height, true);
}

/** Checks that a header is that of the block with this proven id. */
export function proveHeader(replica: Replica, height: number, id: Digest, header: Header): void {
  if (!replica.ports.state.now || blockId(header) === id) return;
  throw damaged(replica, `the header of block ${height} is not what its id says`);
}

/** Checks that these are the results of the block with this header. */
export function proveResults(
  replica: Replica,
  header: Header,
  results: readonly Uint8Array[],
): void {
  const { proven } = replica;
  const height = header.height!;
  if (merkleRoot(results.map(leafHash)) !== header.resultsRoot) {
    throw damaged(replica, `the results of block ${height} are not what its header says`);
  }
  proven.results.set(height, true);
}

/** Checks that a key has this value, or none, in the state with this tree. */
export function proveValue(
  replica: Replica,
  tree: TreeRoot,
  key: string,
  value: Uint8Array | undefined,
): void {
  const { page } = replica.final.base([]);
  const found = readable(replica, `the state tree above ${key}`, () => findLeaf(tree, key, page));
  if ('missing' in found) throw damaged(replica, `${found.missing} of the state tree is missing`);
  if (found.valueHash === (value === undefined ? null : sha256Hex(value))) return;
  throw damaged(replica, `the state at ${key} is not what the state tree says`);
}

/** Checks a receipt as whoever gets it will. */
export function proveReceipt(replica: Replica, receipt: Receipt): void {
  if (!replica.ports.state.now) return;
  const verdict = verifyReceipt(receipt, replica.ledger);
  if (verdict.verdict === 'VALID') return;
  const { id } = receipt.transaction;
  throw damaged(replica, `the receipt of ${id} would not verify (${verdict.reason})`);
}
