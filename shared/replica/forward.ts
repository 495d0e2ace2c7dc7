/**
 * Brings transactions to the leader, in batches that grow while one is under way. What the leader has no room
 * for waits here, and holds back this node's own clients when this node is full too.
 */
import type { Reply } from '../consensus/message.ts';
import { LIMITS } from '../ledger/limits.ts';
import type { RejectionCode } from '../ledger/rejection.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { startDrive } from './drive.ts';
import { inBackground, leaderNow, otherValidators, ownIndex, type Replica } from './replica.ts';
import { ask } from './tell.ts';

/** What a reply says to transactions that the receiver had no room for. */
export const NO_ROOM: RejectionCode = 'mempool-full';

/**
 * Who is brought what waits: the leader. Where that is the node that this one is to replace, which can't be
 * reached under this member's own name, another validator passes it on.
 */
function destination(replica: Replica): string {
  const leader = leaderNow(replica);
  if (leader !== replica.member || ownIndex(replica) >= 0) return leader;
  return otherValidators(replica)[0] ?? leader;
}

/** Brings newly admitted transactions to where blocks are made: here, or at the leader's. */
export function route(replica: Replica, transactions: Iterable<Transaction>): void {
  if (destination(replica) === replica.member) {
    startDrive(replica);
    return;
  }
  // One that ended meanwhile needs nobody to bring it.
  for (const { id } of transactions) if (replica.mempool.get(id)) replica.outbox.add(id);
  forward(replica);
}

/** Sends what is in the outbox; a call while a batch is under way to the same leader is served by that one. */
function forward(replica: Replica): void {
  const leader = destination(replica);
  if (replica.forwardingTo === leader || replica.outbox.size === 0 || replica.stopped) return;
  replica.forwardingTo = leader;
  inBackground(replica, forwardAll(replica, leader));
}

async function forwardAll(replica: Replica, leader: string): Promise<void> {
  // What is admitted in step with the first one goes along.
  await Promise.resolve();
  while (replica.outbox.size > 0 && destination(replica) === leader && !replica.stopped) {
    const batch = takeBatch(replica);
    const ids = batch.map(({ id }) => id);
    const transactions = batch.map(({ bytes }) => bytes);
    // What does not arrive stays in the mempool: the alarm tells everybody.
    const answered = ask(replica, leader, { kind: 'tidings', transactions, waiting: false });
    const isOver = (): boolean => ids.every((id) => replica.mempool.get(id) === undefined);
    const reply = await untilOver(replica, isOver, answered);
    // A host that lives for one request leaves the rest to the alarm.
    if (reply?.refusal !== NO_ROOM || replica.lease) continue;
    for (const id of ids) if (replica.mempool.get(id)) replica.outbox.add(id);
    await untilOver(replica, () => true);
  }
  // A hung leader's batch may return when another one has long been served.
  if (replica.forwardingTo !== leader) return;
  replica.forwardingTo = null;
  if (![leader, replica.member].includes(destination(replica))) forward(replica);
}

/**
 * Until the leader has answered, or `isOver` after a commit, or it would be timed out by now: it may hang,
 * and whoever waits for this has its alarm.
 */
async function untilOver(
  replica: Replica,
  isOver: () => boolean,
  answered: Promise<Reply | undefined> = new Promise(() => {}),
): Promise<Reply | undefined> {
  const { ports, epoch, commitListeners } = replica;
  let end = (): void => {};
  const over = new Promise<undefined>((resolve) => {
    end = () => resolve(undefined);
  });
  const look = (): void => {
    if (isOver()) end();
  };
  commitListeners.add(look);
  const cancel = ports.time.after(epoch.parameters.baseTimeoutMs, end);
  const reply = await Promise.race([answered, over]);
  cancel();
  commitListeners.delete(look);
  return reply;
}

/** Takes from the outbox what one message holds, by turns of the senders. */
function takeBatch({ mempool, outbox }: Replica): Transaction[] {
  const limits = {
    bytesMax: LIMITS.blockBytesMax / 2,
    transactionsMax: LIMITS.batchTransactionsMax,
  };
  const batch = mempool.select(limits, (id) => !outbox.has(id));
  for (const { id } of batch) outbox.delete(id);
  return batch;
}
