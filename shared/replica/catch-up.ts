/**
 * Catch-up: a replica that is behind asks a peer for what follows its head, and inserts it like any
 * other block. It trusts only certificates; a peer that lies wastes its own answer. A short way is
 * gone at once and with whoever brought the news; a long one in the background (`sync.ts`).
 */

import type { Digest } from '../bytes/digest.ts';
import type { CatchUpStep, Reply } from '../consensus/message.ts';
import { decodeReply, encodeRequest } from '../consensus/message.ts';
import { type Block, decodeBlock, encodeBlock } from '../ledger/block.ts';
import { LIMITS } from '../ledger/limits.ts';
import { settleAlarm } from './alarm.ts';
import { adoptCertificates, checkQc, commitBy, commitHighest, insert, Refused } from './chain.ts';
import { decodeEpoch } from './head.ts';
import { finalBlockBytes, finalityItem } from './history.ts';
import { itemName } from './items.ts';
import { type Replica, uncommitted } from './replica.ts';
import { snapshotThreshold, startSync } from './sync.ts';
import { adoptStanding, standingOf } from './tell.ts';

/**
 * Catches up from one member that says it is at a height. One at a time for each: a member that hangs
 * must not hold up the others. Nobody's request waits for a long way. Never throws.
 */
export async function catchUp(replica: Replica, from: string, height: number): Promise<void> {
  const shortWay = Math.min(LIMITS.catchUpBlocksMax, snapshotThreshold(replica));
  if (height - replica.head.header.height! > shortWay) {
    startSync(replica, from);
    return;
  }
  const underWay = replica.catchingUp.get(from);
  if (underWay) return underWay;
  const following = follow(replica, from)
    // What was being handled goes on with what is known: a member that does not answer is no fault here.
    .catch((error: unknown) => replica.log('catch-up-failed', { from, error: String(error) }))
    .finally(() => replica.catchingUp.delete(from));
  replica.catchingUp.set(from, following);
  return following;
}

async function follow(replica: Replica, from: string): Promise<void> {
  for (;;) {
    const after = replica.head.header.height!;
    const standing = standingOf(replica);
    const request = encodeRequest({ kind: 'blocks', standing, after });
    const reply = decodeReply(await replica.ports.peers.request(from, request));
    const progressed = await takeSteps(replica, from, reply);
    const behind = reply.standing.height - replica.head.header.height!;
    // A member that is ahead and has no blocks for this node keeps no bodies that old.
    if (!progressed && behind > 0) startSync(replica, from);
    if (!progressed || replica.stopped || behind <= 0) return;
  }
}

/** Inserts the blocks of a reply and adopts its certificates; answers whether that led any further. */
export async function takeSteps(replica: Replica, from: string, reply: Reply): Promise<boolean> {
  const before = progressOf(replica);
  await replica.lock.run(async () => {
    await takeAll(replica, reply.steps);
    await adoptStanding(replica, reply.standing);
    settleAlarm(replica, false);
  });
  if (progressOf(replica) === before) return false;
  const { head, record } = replica;
  replica.log('caught-up-to', { height: head.header.height, round: record.highQc.round, from });
  return true;
}

/** Blocks, and bytes of them, that wait at the most for one move of the head. */
const COMMIT_BLOCKS = 32;
const COMMIT_BYTES = 4 * 1024 * 1024;

/** Takes steps up to the first that does not check. Moving the head is the slowest part, and is shared. */
async function takeAll(replica: Replica, steps: readonly CatchUpStep[]): Promise<void> {
  replica.deferCommits = true;
  try {
    let [blocks, bytes] = [0, 0];
    for (const step of steps) {
      if (!(await take(replica, step))) break;
      blocks++;
      bytes += 'block' in step ? step.block.length : 0;
      // The next epoch's blocks can't be inserted before this one's last is final.
      if ('block' in step && blocks < COMMIT_BLOCKS && bytes < COMMIT_BYTES) continue;
      await commitHighest(replica);
      [blocks, bytes] = [0, 0];
    }
    await commitHighest(replica);
  } finally {
    replica.deferCommits = false;
  }
}

const progressOf = (replica: Replica): string =>
  `${replica.head.id} ${replica.record.highQc.round} ${replica.pending.size}`;

async function take(replica: Replica, step: CatchUpStep): Promise<boolean> {
  if ('qc' in step) {
    const qc = checkQc(replica, step.qc);
    if (!qc) return false;
    await adoptCertificates(replica, qc, null);
    // It may be lower than what is known here, and make final what that does not.
    await commitBy(replica, qc);
    return true;
  }
  const block = readBlock(step.block);
  if (!block) return false;
  const { height } = block.header;
  if (height !== null && height <= replica.head.header.height!) return true;
  const inserted = await insert(replica, block);
  if (!(inserted instanceof Refused)) return true;
  replica.log('catch-up-block-refused', { block: block.id, reason: inserted.reason });
  return false;
}

/** The block that a member sent; undefined where the bytes are none. */
export function readBlock(bytes: Uint8Array): Block | undefined {
  try {
    return decodeBlock(bytes);
  } catch {
    return undefined;
  }
}

/**
 * What follows a height on this node: final blocks, at an epoch's end also the blocks that closed it
 * with their certificate, then the uncommitted chain to the highest certificate; nothing where this
 * node does not keep bodies that old. Needs no lock: it reads what is immutable.
 */
export async function stepsAfter(replica: Replica, after: number): Promise<CatchUpStep[]> {
  const steps: CatchUpStep[] = [];
  let bytes = 0;
  const add = (block: Uint8Array): boolean => {
    bytes += block.length;
    if (steps.length > 0 && bytes > LIMITS.catchUpBytesMax) return false;
    steps.push({ block });
    return steps.length < LIMITS.catchUpBlocksMax;
  };
  const head = replica.head.header.height!;
  const { highQc } = replica.record;
  const tail = uncommitted(replica, highQc.block).reverse();
  if (after + 1 < replica.retained.bodies) return steps;
  const starts = new Map<number, Digest | undefined>();
  for (let height = after + 1; height <= head; height++) {
    const block = await finalBlockBytes(replica, height);
    if (!add(block)) return steps;
    const last = decodeBlock(block);
    const next = last.header.epoch + 1;
    if (!starts.has(next)) starts.set(next, await startOf(replica, next));
    // Whoever decided it, members in a block or by an agreement: the next epoch starts from this one.
    if (starts.get(next) !== last.id) continue;
    for (const step of await closingSteps(replica, last)) steps.push(step);
  }
  if (after < head) steps.push(...(await headProof(replica, new Set(tail.map(({ id }) => id)))));
  for (const { block } of tail) if (!add(encodeBlock(block))) break;
  return steps;
}

/** The block that an epoch starts from; undefined where this node knows of no such epoch. */
async function startOf(replica: Replica, epoch: number): Promise<Digest | undefined> {
  const [bytes] = await replica.ports.state.items([itemName.epoch(epoch)]);
  return bytes && decodeEpoch(bytes).start;
}

/**
 * What makes this node's head final, where the chain to its highest certificate does not show it: a
 * leader that was timed out can have certified a block that the next one did not extend.
 */
async function headProof(replica: Replica, tail: ReadonlySet<Digest>): Promise<CatchUpStep[]> {
  const { header, id } = replica.head;
  const { qc } = await finalityItem(replica, header.height!);
  const isShown = tail.has(qc.block) || qc.epoch !== replica.epoch.set.epoch;
  // After a snapshot it is not kept.
  if (isShown || !(await replica.ports.blocks.get(qc.block))) return [];
  return closingSteps(replica, { id, header });
}

async function closingSteps(
  replica: Replica,
  { id: last, header }: Pick<Block, 'id' | 'header'>,
): Promise<CatchUpStep[]> {
  const { qc } = await finalityItem(replica, header.height!);
  const steps: CatchUpStep[] = [{ qc }];
  for (let id = qc.block; id !== last; ) {
    const encoded = await replica.ports.blocks.get(id);
    if (!encoded) throw new Error(`the store lacks the closing block ${id}`);
    steps.unshift({ block: encoded });
    id = decodeBlock(encoded).header.parent;
  }
  return steps;
}
