/**
 * Which of a node's invocations drives: one at a time as a rule, since two would send the same proposals
 * twice. Nothing depends on it for safety: it may be lost, stale, or held by two that have other clocks.
 */
import { decodeCbor, encodeCbor } from '../bytes/cbor.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction, type Transaction } from '../ledger/transaction.ts';
import { settleAlarm } from './alarm.ts';
import type { Replica } from './replica.ts';
import { putBack } from './take-back.ts';

/** Takes the lease, or renews it in time; false while another invocation holds it. */
export async function takeLease(replica: Replica): Promise<boolean> {
  const { lease, ports } = replica;
  if (!lease) return true;
  const now = ports.time.now();
  // Longer than a round may last: a leader that needs more is timed out.
  const ms = replica.epoch.parameters.baseTimeoutMs;
  if (lease.until - now > ms / 2) return true;
  // As this replica left it: nobody took it since, if the write finds it so.
  if (lease.version !== undefined && (await write(replica, lease.version, now + ms))) return true;
  const stored = await ports.heads.read('lease');
  if (stored) {
    const [holder, until] = decodeCbor(stored.bytes) as [string, number];
    // One far ahead was taken by a clock that was wrong.
    const isHeld = holder !== lease.holder && until > now && until <= now + 2 * ms;
    if (isHeld) return false;
  }
  return write(replica, stored?.version ?? 0, now + ms);
}

/** Gives the lease back, if this replica holds it. */
export async function releaseLease(replica: Replica): Promise<void> {
  const { lease } = replica;
  if (lease?.version === undefined || lease.until === 0) return;
  await write(replica, lease.version, 0);
}

async function write(replica: Replica, expected: number, until: number): Promise<boolean> {
  const lease = replica.lease!;
  const bytes = encodeCbor([lease.holder, until]);
  const isWritten = await replica.ports.heads.swap('lease', expected, {
    version: expected + 1,
    bytes,
  });
  // Somebody else has it, or it was given back: nothing is held here.
  lease.until = isWritten ? until : 0;
  lease.version = isWritten ? expected + 1 : undefined;
  return isWritten;
}

/** Leaves what this replica holds to the invocation that drives: it looks for it when it ends. */
export function leaveToDriver({ mempool, ports, stored }: Replica): Promise<void> {
  for (const { id } of mempool) stored.add(id);
  return ports.mempool.add([...mempool].map(({ id, bytes }) => ({ id, bytes })));
}

/** Takes over what other invocations of this node hold; answers whether there was any. */
export async function takeHeld(replica: Replica): Promise<boolean> {
  if (!replica.lease) return false;
  const { mempool } = replica;
  const found: Transaction[] = [];
  for (const { id, bytes } of await replica.ports.mempool.list()) {
    replica.stored.add(id);
    if (mempool.get(id)) continue;
    const transaction = decodeTransaction(bytes);
    if (transaction instanceof Rejected) throw new Error(`the mempool store holds a damaged ${id}`);
    found.push(transaction);
  }
  await putBack(replica, found);
  // A commit beside it may have taken others away.
  const isSome = found.some(({ id }) => mempool.get(id) !== undefined);
  if (isSome) settleAlarm(replica, false);
  return isSome;
}
