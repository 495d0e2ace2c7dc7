/**
 * Counts a member's transactions on the ledger by the days of block time. Goes on from where the tally
 * is, so it costs nothing until somebody asks, and each block is read once.
 */
import type { Block } from '../ledger/block.ts';
import { decodeResult } from '../ledger/result.ts';
import type { LedgerUsageOfDay, LedgerUsageStore } from '../ports/ledger-usage-store.ts';
import { finalBlocks, finalResults } from './history.ts';
import { type KeyOwners, ownIn } from './own-transactions.ts';
import type { Replica } from './replica.ts';

/** How far the tally is, and how far it could be. */
export interface LedgerTally {
  readonly to: number;
  readonly head: number;
}

/** Blocks that are counted before the tally is written. */
const BLOCKS_A_WRITE = 256;

/** Counts on until the head, or until `isOver`. */
export async function tallyUsage(
  replica: Replica,
  store: LedgerUsageStore,
  isOver: () => boolean,
): Promise<LedgerTally> {
  const head = replica.head.header.height!;
  const owners: KeyOwners = new Map();
  let newest = await store.newest();
  // What came before a snapshot that the node began with is not counted.
  let next = Math.max(1, replica.retained.bodies, (newest?.height ?? 0) + 1);
  while (next <= head && !isOver()) {
    const end = Math.min(head, next + BLOCKS_A_WRITE - 1);
    const days: LedgerUsageOfDay[] = [];
    for await (const blocks of finalBlocks(replica, next, end)) {
      for (const block of blocks) {
        newest = plus(newest, block, await ownOf(replica, block, owners));
        if (days.at(-1)?.day === newest.day) days.pop();
        days.push(newest);
      }
      next += blocks.length;
      if (isOver()) break;
    }
    await store.put(days);
  }
  return { to: newest?.height ?? 0, head };
}

interface Own {
  readonly committed: number;
  readonly refused: number;
  readonly bytes: number;
}

/** What a block's transactions come to that the node's own member signed. */
async function ownOf(replica: Replica, block: Block, owners: KeyOwners): Promise<Own> {
  const own = await ownIn(replica, block, owners);
  if (own.length === 0) return { committed: 0, refused: 0, bytes: 0 };
  const [results] = await finalResults(replica, [block.header.height!]);
  const isCommitted = (at: number): boolean => decodeResult(results![at]!).status === 'committed';
  const committed = own.filter(({ index }) => isCommitted(index)).length;
  const bytes = own.reduce((sum, { index }) => sum + block.transactions[index]!.length, 0);
  return { committed, refused: own.length - committed, bytes };
}

function plus(
  before: LedgerUsageOfDay | undefined,
  { header }: Block,
  { committed, refused, bytes }: Own,
): LedgerUsageOfDay {
  const day = new Date(header.time).toISOString().slice(0, 10);
  // Block time never goes back, so a later day's record closes the one before.
  const same = before?.day === day ? before : undefined;
  return {
    day,
    height: header.height!,
    committed: (same?.committed ?? 0) + committed,
    refused: (same?.refused ?? 0) + refused,
    bytes: (same?.bytes ?? 0) + bytes,
    storedBytes: (before?.storedBytes ?? 0) + bytes,
  };
}
