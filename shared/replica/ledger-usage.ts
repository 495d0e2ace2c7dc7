/**
 * Counts a member's transactions on the ledger by the days of block time. Goes on from where the tally
 * is, so it costs nothing until somebody asks, and each block is read once.
 */
import { decodeLoosely } from '../bytes/cbor.ts';
import { type KeyRecord, SYSTEM_KEYS } from '../contract/system-records.ts';
import type { Block } from '../ledger/block.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeResult } from '../ledger/result.ts';
import { decodeTransaction } from '../ledger/transaction.ts';
import type { LedgerUsageOfDay, LedgerUsageStore } from '../ports/ledger-usage-store.ts';
import { finalBlock, finalResults } from './history.ts';
import type { Replica } from './replica.ts';

/** How far the tally is, and how far it could be. */
export interface LedgerTally {
  readonly to: number;
  readonly head: number;
}

/** Blocks that are read side by side, and counted before the tally is written. */
const TOGETHER = 16;
const BLOCKS_A_WRITE = 256;

/** Counts on until the head, or until `isOver`. */
export async function tallyUsage(
  replica: Replica,
  store: LedgerUsageStore,
  isOver: () => boolean,
): Promise<LedgerTally> {
  const head = replica.head.header.height!;
  const members = new Map<string, string | undefined>();
  let newest = await store.newest();
  // What came before a snapshot that the node began with is not counted.
  let next = Math.max(1, replica.retained.bodies, (newest?.height ?? 0) + 1);
  while (next <= head && !isOver()) {
    const end = Math.min(head, next + BLOCKS_A_WRITE - 1);
    const days: LedgerUsageOfDay[] = [];
    for (; next <= end && !isOver(); next += TOGETHER) {
      const count = Math.min(TOGETHER, end - next + 1);
      const heights = Array.from({ length: count }, (_, index) => next + index);
      const blocks = await Promise.all(heights.map((height) => finalBlock(replica, height)));
      for (const block of blocks) {
        newest = plus(newest, block, await ownOf(replica, block, members));
        if (days.at(-1)?.day === newest.day) days.pop();
        days.push(newest);
      }
    }
    await store.put(days);
    next = Math.min(next, end + 1);
  }
  return { to: newest?.height ?? 0, head };
}

interface Own {
  readonly committed: number;
  readonly refused: number;
  readonly bytes: number;
}

/** A block's transactions that the node's own member signed. */
async function ownOf(
  replica: Replica,
  { header, transactions }: Block,
  members: Map<string, string | undefined>,
): Promise<Own> {
  const own: number[] = [];
  for (const [index, bytes] of transactions.entries()) {
    const transaction = decodeTransaction(bytes);
    if (transaction instanceof Rejected) throw new Error(`block ${header.height} is damaged`);
    // The caller's; the others are endorsements.
    const keyId = transaction.keyIds[0]!;
    if (!members.has(keyId)) members.set(keyId, await memberOf(replica, keyId));
    if (members.get(keyId) === replica.member) own.push(index);
  }
  if (own.length === 0) return { committed: 0, refused: 0, bytes: 0 };
  const [results] = await finalResults(replica, [header.height!]);
  const committed = own.filter((at) => decodeResult(results![at]!).status === 'committed').length;
  const bytes = own.reduce((sum, at) => sum + transactions[at]!.length, 0);
  return { committed, refused: own.length - committed, bytes };
}

/** Whose a key is: it never becomes another member's. */
async function memberOf(replica: Replica, keyId: string): Promise<string | undefined> {
  const stored = await replica.final.read(SYSTEM_KEYS.key(keyId));
  return stored ? (decodeLoosely(stored) as unknown as KeyRecord).member : undefined;
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
