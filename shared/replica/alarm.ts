/**
 * Waiting: a node that holds something uncommitted has one alarm. Each ring asks for newer
 * certificates and tells the others of its transactions; from the second on it also times the leader
 * out. An idle node has no alarm.
 */
import type { Digest } from '../bytes/digest.ts';
import { currentRound, decideTimeout } from '../consensus/safety.ts';
import type { TimeoutEntry } from '../consensus/tally.ts';
import { LIMITS } from '../ledger/limits.ts';
import type { Waited } from '../ports/time.ts';
import { act, saveNews } from './act.ts';
import { adoptCertificates, commitHighest } from './chain.ts';
import { startDrive } from './drive.ts';
import { askForAttestations, isAsking } from './recover.ts';
import {
  currentTenureEnd,
  inBackground,
  otherValidators,
  ownIndex,
  type Replica,
  uncertifiedBlocks,
} from './replica.ts';
import { takeBack } from './take-back.ts';
import { askAll } from './tell.ts';

/** Whether this node holds something uncommitted, for which it waits. */
export const hasWork = (replica: Replica): boolean => {
  const { mempool, pending, record } = replica;
  const before = hopelessBefore(replica);
  if (mempool.hasLive(before) || isAsking(replica)) return true;
  const uncertified = new Set(uncertifiedBlocks(replica));
  for (const block of pending.values()) {
    if (!uncertified.has(block)) {
      if (block.ids.size > 0 || block.next !== null) return true;
      continue;
    }
    // One whose round has passed is not waited for: what stood in it is in the mempool again.
    const isNow = block.header.round >= currentRound(record);
    if (isNow && block.execution?.transactions.some(({ body }) => body.notAfter >= before)) {
      return true;
    }
  }
  return false;
};

/**
 * No correct voter accepts a block time that far behind its clock, so a transaction whose notAfter
 * lies before this is not waited for. Whether it stands in a block that this node has not seen is sure
 * only when the ledger's own time has passed it: until then it is held, and not called expired.
 */
export const hopelessBefore = ({ ports, epoch }: Replica): number =>
  ports.time.now() - epoch.parameters.clockToleranceMs;

/** So many timeouts long full blocks put the alarm off. */
const PUT_OFF_TIMEOUTS = 4;

/**
 * Sets, keeps or cancels the alarm. A committed full block starts the waiting anew, but does not put the alarm off
 * for ever: what a busy leader was never brought, or has forgotten, would wait until it leads no more.
 */
export function settleAlarm(replica: Replica, committedFull: boolean): void {
  const { time } = replica.ports;
  if (replica.stopped || !hasWork(replica)) {
    replica.rings = 0;
    replica.alarmAt = null;
    time.alarm(null, waitedOf(replica));
    return;
  }
  if (committedFull) replica.rings = 0;
  if (replica.alarmAt === null) {
    replica.quietSince = time.now();
    arm(replica);
    return;
  }
  const putOffMs = PUT_OFF_TIMEOUTS * replica.epoch.parameters.baseTimeoutMs;
  if (committedFull && time.now() < replica.quietSince + putOffMs) arm(replica);
}

function arm(replica: Replica): void {
  const { baseTimeoutMs, timeoutMsMax } = replica.epoch.parameters;
  // The first ring has told everybody, so the second, which times the leader out, follows sooner. The
  // cap is seconds, not hours: uncapped back-off has stopped networks for hours.
  const doublings = replica.rings === 0 ? 0 : replica.rings - 2;
  const delay = Math.min(baseTimeoutMs * 2 ** doublings, timeoutMsMax);
  replica.alarmAt = replica.ports.time.now() + delay;
  replica.ports.time.alarm(replica.alarmAt, waitedOf(replica));
}

const waitedOf = (replica: Replica): Waited => ({
  rings: replica.rings,
  height: replica.head.header.height!,
  round: currentTenureEnd(replica),
});

/** An overtaken invocation leaves what it holds durably to a later one: the node's alarm rings for it. */
export function leaveAlarm(replica: Replica): void {
  const { time } = replica.ports;
  time.alarm(time.now(), waitedOf(replica));
}

/** A timeout certificate gave the turn to another leader, who gets its full time. */
export function restartWait(replica: Replica): void {
  if (replica.alarmAt === null || replica.stopped) return;
  replica.rings = Math.max(replica.rings, 2);
  arm(replica);
}

/** Another node waits too: being told counts as the first ring. */
export function told(replica: Replica): void {
  if (replica.rings < 1) replica.toldAt = replica.ports.time.now();
  const isLonger = replica.rings < 1 && replica.alarmAt !== null;
  replica.rings = Math.max(replica.rings, 1);
  settleAlarm(replica, false);
  // The alarm that is set says it too: another memory of this node may hear it ring.
  if (isLonger && replica.alarmAt !== null) {
    replica.ports.time.alarm(replica.alarmAt, waitedOf(replica));
  }
}

/** The alarm rings; `waited` is what it was set with, where this replica did not set it. Never throws. */
export async function ring(replica: Replica, waited?: Waited): Promise<void> {
  replica.alarmAt = null;
  replica.quietSince = replica.ports.time.now();
  // A commit since then has begun the waiting anew.
  if (waited && waited.height >= replica.head.header.height!) {
    replica.rings = Math.max(replica.rings, waited.rings);
  }
  if (replica.stopped || !hasWork(replica)) return settleAlarm(replica, false);
  // Set for a leader whose turn is over: it rings for the next one too early.
  const tenureEnd = currentTenureEnd(replica);
  const stale = waited !== undefined && waited.round < tenureEnd;
  const first = replica.rings === 0 || stale || isJustTold(replica);
  if (stale) replica.rings = Math.max(replica.rings, 2);
  else replica.rings = first ? 1 : replica.rings + 1;
  replica.toldAt = null;
  arm(replica);
  try {
    await replica.lock.run(async () => {
      // A commit that the store failed is nobody's news again.
      await commitHighest(replica);
      await takeBack(replica);
    });
    // Told at every ring: whoever did not hear it before would never join in timing the leader out.
    await Promise.all([
      askAndTell(replica),
      askForAttestations(replica),
      first ? undefined : timeOut(replica, tenureEnd),
    ]);
    await replica.lock.run(() => saveNews(replica));
  } catch (error) {
    replica.log('ring-failed', { error: String(error) });
  }
  startDrive(replica);
}

/**
 * Whether another node's waiting, heard of a moment ago, is all that has counted as a ring since the last commit. Nodes that
 * are busy together wait from the same commits on, and their alarms ring together: the first to ring would have the others
 * time a leader out that has just committed, itself first of all.
 */
function isJustTold({ rings, toldAt, ports, epoch }: Replica): boolean {
  if (rings !== 1 || toldAt === null) return false;
  // As long as the second ring comes after the first; a clock may be a little early.
  return ports.time.now() - toldAt < 0.45 * epoch.parameters.baseTimeoutMs;
}

const askAndTell = (replica: Replica): Promise<unknown> =>
  askAll(replica, otherValidators(replica), {
    kind: 'tidings',
    transactions: someTransactions(replica),
    waiting: true,
  });

/** As many pending transactions as one message takes; the rest follow at the next ring. */
function someTransactions(replica: Replica): Uint8Array[] {
  const limits = {
    bytesMax: LIMITS.blockBytesMax / 2,
    transactionsMax: LIMITS.batchTransactionsMax,
  };
  const { mempool } = replica;
  const before = hopelessBefore(replica);
  const isHopeless = (id: Digest): boolean => mempool.get(id)!.body.notAfter < before;
  return mempool.select(limits, isHopeless).map(({ bytes }) => bytes);
}

/** Times the leader of a tenure out, unless that was over, or a block with transactions was committed, while the lock was waited for. */
async function timeOut(replica: Replica, tenureEnd: number): Promise<void> {
  const timeout = await replica.lock.run(async () => {
    const isDue = replica.rings > 1 && currentTenureEnd(replica) === tenureEnd;
    return isDue ? signTimeout(replica) : undefined;
  });
  if (!timeout) return;
  replica.log('timeout', { epoch: replica.epoch.set.epoch, round: timeout.round });
  await askAll(replica, otherValidators(replica), { kind: 'timeout', timeout }, async (reply) => {
    if (reply.timeout) await replica.lock.run(() => countTimeout(replica, reply.timeout!));
  });
}

/** Signs this node's timeout of its current tenure, or gives it again. Under the lock. */
export async function signTimeout(replica: Replica): Promise<TimeoutEntry | undefined> {
  const validator = ownIndex(replica);
  if (validator < 0) return undefined;
  const signed = await act(replica, (record) => decideTimeout(record, replica.epoch.set));
  if ('refuse' in signed || signed.statement.kind !== 'timeout') return undefined;
  const { round, highQcRound } = signed.statement;
  const known = replica.ownTimeout;
  if (known?.round === round) return known;
  const entry = { validator, round, highQcRound, signature: signed.signature };
  replica.ownTimeout = entry;
  await countTimeout(replica, entry);
  return entry;
}

/**
 * Counts a timeout; a quorum of them makes a certificate, which is adopted. Answers false for one that does not
 * check. Under the lock.
 */
export async function countTimeout(replica: Replica, entry: TimeoutEntry): Promise<boolean> {
  // Nobody honest times out a tenure beyond the next: more would only fill the memory.
  const { set } = replica.epoch;
  const roundMax = currentTenureEnd(replica) + set.tenureRounds;
  if (entry.round > roundMax) return true;
  if (!replica.timeouts.add(entry)) return false;
  replica.book.sawTimeout(entry, { checked: replica.timeouts.holds(entry) });
  const tc = replica.timeouts.certificate(entry.round);
  if (!tc || tc.round <= (replica.record.highTc?.round ?? 0)) return true;
  await adoptCertificates(replica, null, tc);
  if (replica.record.highTc === tc) {
    replica.log('timeout-certificate', { round: tc.round });
    // Outside the lock: the others and the next leader learn of it.
    inBackground(replica, askAndTell(replica));
    startDrive(replica);
  }
  return true;
}
