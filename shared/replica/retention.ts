/**
 * Retention: bodies of old blocks and their results are removed, by each node's own choice, a bounded
 * number after a commit. Headers, finality proofs, hand-overs, the history and the state with its
 * tree stay, so that every proof of what is kept can still be made, and of what was given be checked.
 */
import type { Digest } from '../bytes/digest.ts';
import { toHex } from '../bytes/text.ts';
import { blockId, decodeHeader, encodeHeader } from '../ledger/block.ts';
import { LIMITS } from '../ledger/limits.ts';
import { finalHeader, finalityItem } from './history.ts';
import { itemName } from './items.ts';
import { inBackground, type Replica } from './replica.ts';
import { writeRetained } from './retained.ts';

const DAY_MS = 24 * 3600 * 1000;

/** Removes what the policy lets go of, as much as one commit's share. Never throws. */
export function applyRetention(replica: Replica): void {
  if (!replica.retain || replica.pruning || replica.stopped) return;
  replica.pruning = true;
  const removed = removeBodies(replica)
    .catch((error: unknown) => replica.log('pruning-failed', { error: String(error) }))
    .finally(() => {
      replica.pruning = false;
    });
  inBackground(replica, removed);
}

async function removeBodies(replica: Replica): Promise<void> {
  const { state, blocks, heads } = replica.ports;
  const { retained } = replica;
  const from = Math.max(1, retained.bodies);
  const to = await keptFrom(replica, from);
  if (to <= from) return;
  const heights = Array.from({ length: to - from }, (_, index) => from + index);
  const headers = await Promise.all(heights.map((height) => finalHeader(replica, height)));
  const items = headers.map(
    (header) => [itemName.header(header.height!), encodeHeader(header)] as const,
  );
  await state.write({ height: from, values: [], items });
  // First nobody looks for them any more, then they go; a crash in between leaves them lying about.
  const next = { ...retained, bodies: to };
  await writeRetained(heads, next);
  replica.retained = next;
  await state.removeItems(heights.map((height) => itemName.results(height)));
  for (const height of heights) await blocks.remove(await blocksAt(replica, height));
  replica.log('bodies-removed', { from, to });
}

/** The lowest height whose body is to be kept after this share of the work. */
async function keptFrom(replica: Replica, from: number): Promise<number> {
  const { blocks, days } = replica.retain!;
  const { height, time } = replica.head.header;
  const newest = height! + 1 - blocks;
  const end = Math.min(newest, height!, from + LIMITS.pruneBlocksMax);
  if (days === undefined) return end;
  for (let at = from; at < end; at++) {
    const header = await finalHeader(replica, at);
    if (header.time >= time - days * DAY_MS) return at;
  }
  return end;
}

/** The ids of the block at a height, and of those that closed its epoch after it. */
async function blocksAt(replica: Replica, height: number): Promise<Digest[]> {
  const [id] = await replica.ports.state.items([itemName.blockAt(height)]);
  const { descendants } = await finalityItem(replica, height);
  const closing = descendants.map(decodeHeader).filter((header) => header.height === null);
  return [toHex(id!) as Digest, ...closing.map(blockId)];
}
