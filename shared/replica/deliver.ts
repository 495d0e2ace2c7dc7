/**
 * Brings confidential values to the nodes of their readers, each in an envelope of its own. What is due stands in the
 * vault until its reader has it durably, so nothing is forgotten by a node that ends; bringing it twice is harmless.
 */
import { type Delivery, onlyFields, type ValueKeeper } from '../ports/value-keeper.ts';
import { vaultKeyOfMember } from './readers.ts';
import { ERASED } from './receive-values.ts';
import { inBackground, pause, type Replica } from './replica.ts';
import { ask } from './tell.ts';

/** Brings deliveries, side by side; answers those that their readers did not take. */
export async function deliver(
  replica: Replica,
  keeper: ValueKeeper,
  deliveries: readonly Delivery[],
): Promise<readonly Delivery[]> {
  const taken = await Promise.all(deliveries.map((one) => deliverOne(replica, keeper, one)));
  return deliveries.filter((_, index) => !taken[index]);
}

async function deliverOne(
  replica: Replica,
  keeper: ValueKeeper,
  delivery: Delivery,
): Promise<boolean> {
  const { transaction: id, to, fields } = delivery;
  const kept = await keeper.read(id);
  // Erased since: nobody is to get them any more.
  if (!kept) {
    await keeper.delivered(delivery);
    return true;
  }
  const key = await vaultKeyOfMember(replica, to);
  if (!key) {
    replica.log('values-not-delivered', { member: to, transaction: id, why: 'no vault key' });
    return false;
  }
  const envelope = await keeper.wrap(key, onlyFields(kept, fields));
  const reply = await ask(replica, to, { kind: 'values', envelope });
  if (!reply || (reply.refusal !== null && reply.refusal !== ERASED)) {
    const why = reply?.refusal ?? 'no answer';
    replica.log('values-not-delivered', { member: to, transaction: id, why });
    return false;
  }
  await keeper.delivered(delivery);
  return true;
}

const TOGETHER = 32;
const PAUSE_MS = 1000;
const PAUSE_MS_MAX = 60_000;

/**
 * Brings in the background what is due, and what was not taken again, ever more rarely, until nothing is. A host that
 * lives for one request brings each once.
 */
export function startDelivering(replica: Replica): void {
  const { keeper } = replica;
  if (!keeper || replica.delivering || replica.stopped) return;
  replica.delivering = true;
  const faulted = (error: unknown) => replica.log('delivery-failed', { error: String(error) });
  const ended = deliverDue(replica, keeper)
    .catch(faulted)
    .finally(() => {
      replica.delivering = false;
    });
  inBackground(replica, ended);
}

async function deliverDue(replica: Replica, keeper: ValueKeeper): Promise<void> {
  for (let pauseMs = PAUSE_MS; !replica.stopped; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
    let left = 0;
    let after: Delivery | undefined;
    for (;;) {
      const due = await keeper.deliveries({ limit: TOGETHER, ...(after && { after }) });
      if (due.length === 0 || replica.stopped) break;
      after = due.at(-1);
      const missed = await deliver(replica, keeper, due);
      left += missed.length;
      if (missed.length < due.length) pauseMs = PAUSE_MS;
    }
    if (left === 0 || replica.lease) return;
    await pause(replica, pauseMs);
  }
}
