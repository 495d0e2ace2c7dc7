/**
 * Catch-up: a replica that is behind asks a peer for what follows its head, and inserts it like any
 * other block. It trusts only certificates; a peer that lies wastes its own answer.
 */

import type { CatchUpStep } from '../consensus/message.ts';
import { decodeReply, encodeRequest } from '../consensus/message.ts';
import { type Block, decodeBlock, encodeBlock } from '../ledger/block.ts';
import { LIMITS } from '../ledger/limits.ts';
import { settleAlarm } from './alarm.ts';
import { adoptCertificates, checkQc, insert, Refused } from './chain.ts';
import { decodeEpoch } from './head.ts';
import { finalBlockBytes, finalityItem } from './history.ts';
import { itemName } from './items.ts';
import { type Replica, uncommitted } from './replica.ts';
import { adoptStanding, standingOf } from './tell.ts';

/** Catches up from one member. One at a time for each: a member that hangs must not hold up the others. */
export function catchUp(replica: Replica, from: string): Promise<void> {
  const underWay = replica.catchingUp.get(from);
  if (underWay) return underWay;
  const following = follow(replica, from).finally(() => replica.catchingUp.delete(from));
  replica.catchingUp.set(from, following);
  return following;
}

async function follow(replica: Replica, from: string): Promise<void> {
  for (;;) {
    const before = progressOf(replica);
    const after = replica.head.header.height!;
    const standing = standingOf(replica);
    const request = encodeRequest({ kind: 'blocks', standing, after });
    const reply = decodeReply(await replica.ports.peers.request(from, request));
    await replica.lock.run(async () => {
      for (const step of reply.steps) if (!(await take(replica, step))) break;
      await adoptStanding(replica, reply.standing);
      settleAlarm(replica, false);
    });
    if (progressOf(replica) === before || replica.stopped) return;
    const { head, record } = replica;
    replica.log('caught-up-to', { height: head.header.height, round: record.highQc.round, from });
    if (reply.standing.height <= head.header.height!) return;
  }
}

const progressOf = (replica: Replica): string =>
  `${replica.head.id} ${replica.record.highQc.round} ${replica.pending.size}`;

async function take(replica: Replica, step: CatchUpStep): Promise<boolean> {
  if ('qc' in step) {
    const qc = checkQc(replica, step.qc);
    if (qc) await adoptCertificates(replica, qc, null);
    return qc !== undefined;
  }
  const block = decodeBlock(step.block);
  const { height } = block.header;
  if (height !== null && height <= replica.head.header.height!) return true;
  const inserted = await insert(replica, block);
  if (!(inserted instanceof Refused)) return true;
  replica.log('catch-up-block-refused', { block: block.id, reason: inserted.reason });
  return false;
}

/**
 * What follows a height on this node: final blocks, at an epoch's end also the blocks that closed it
 * with their certificate, then the uncommitted chain to the highest certificate. Needs no lock: it
 * reads what is immutable.
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
  for (let height = after + 1; height <= head; height++) {
    const block = await finalBlockBytes(replica, height);
    if (!add(block)) return steps;
    const last = decodeBlock(block);
    const ends = last.header.nextValidatorsHash !== null || (await endedByAgreement(replica, last));
    if (!ends) continue;
    for (const step of await closingSteps(replica, last)) steps.push(step);
  }
  for (const { block } of tail) if (!add(encodeBlock(block))) break;
  return steps;
}

/** Whether members agreed to go on from a block: what followed it in its epoch only makes it final. */
async function endedByAgreement(replica: Replica, { id, header }: Block): Promise<boolean> {
  if (header.epoch === replica.epoch.set.epoch) return false;
  const next = header.epoch + 1;
  const [agreement, epoch] = await replica.ports.state.items([
    itemName.agreement(next),
    itemName.epoch(next),
  ]);
  return agreement !== undefined && epoch !== undefined && decodeEpoch(epoch).start === id;
}

async function closingSteps(replica: Replica, { id: last, header }: Block): Promise<CatchUpStep[]> {
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
