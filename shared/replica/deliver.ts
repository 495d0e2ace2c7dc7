/**
 * Brings confidential values to the nodes of their readers, in envelopes that the reader alone opens. What is due stands in the
 * vault until its reader has it durably, so nothing is forgotten by a node that ends; bringing it twice is harmless.
 */
import type { Digest } from '../bytes/digest.ts';
import { fromUtf8 } from '../bytes/text.ts';
import {
  type Delivery,
  ENVELOPE_VALUES_MAX,
  type KeptValues,
  onlyFields,
  sizeOf,
  type ValueKeeper,
} from '../ports/value-keeper.ts';
import { vaultKeyOfMember } from './readers.ts';
import { ERASED } from './receive-values.ts';
import type { Replica } from './replica.ts';
import { ask } from './tell.ts';
import { togetherByName } from './together.ts';
import { type Progress, startUntilNothingLeft, type UnderWay } from './until-nothing-left.ts';
import { isVaultHere } from './vault-place.ts';

/** Brings deliveries, side by side; answers those that their readers did not take. */
export async function deliver(
  replica: Replica,
  keeper: ValueKeeper,
  deliveries: readonly Delivery[],
): Promise<readonly Delivery[]> {
  // Of several readers of one transaction the first looks it up.
  const kept = new Map<Digest, Promise<KeptValues | undefined>>();
  const valuesOf = (id: Digest): Promise<KeptValues | undefined> => {
    const found = kept.get(id) ?? keeper.read(id);
    kept.set(id, found);
    return found;
  };
  const taken = await Promise.all(
    deliveries.map((one) => deliverOne(replica, keeper, one, valuesOf)),
  );
  return deliveries.filter((_, index) => !taken[index]);
}

async function deliverOne(
  replica: Replica,
  keeper: ValueKeeper,
  delivery: Delivery,
  valuesOf: (id: Digest) => Promise<KeptValues | undefined>,
): Promise<boolean> {
  const { transaction: id, to, fields } = delivery;
  const kept = await valuesOf(id);
  // Erased since: nobody is to get them any more.
  if (!kept) {
    await keeper.delivered(delivery);
    return true;
  }
  const why = await outbox(replica, to).add(onlyFields(kept, fields));
  if (why !== null && why !== ERASED) {
    replica.log('values-not-delivered', { member: to, transaction: id, why });
    return false;
  }
  await keeper.delivered(delivery);
  return true;
}

/** Envelopes under way to a reader. */
const WAYS = 2;
/** Of the transactions and texts in one envelope; the first goes in whatever its size. */
const ENVELOPE_BYTES_MAX = 256 * 1024;

/** What waits to be brought to each reader; answers why it did not take it. */
const outbox = togetherByName<Replica, KeptValues, string | null>((replica, to) => ({
  ways: WAYS,
  take: fitting,
  async run(lot) {
    const whys = await send(replica, to, lot).catch((error: unknown) => String(error));
    return typeof whys === 'string' ? lot.map(() => whys) : whys;
  },
}));

/** How many of the first go in one envelope. */
function fitting(waiting: readonly KeptValues[]): number {
  let bytes = 0;
  let count = 0;
  for (const values of waiting) {
    bytes += sizeOf(values);
    if (count > 0 && (bytes > ENVELOPE_BYTES_MAX || count === ENVELOPE_VALUES_MAX)) break;
    count++;
  }
  return count;
}

/** Sends an envelope; answers why none of it was taken, or of each why not. */
async function send(
  replica: Replica,
  to: string,
  values: readonly KeptValues[],
): Promise<string | readonly (string | null)[]> {
  const { keeper } = replica;
  const key = await vaultKeyOfMember(replica, to);
  if (!keeper || !key) return 'no vault key';
  const reply = await ask(replica, to, {
    kind: 'values',
    envelope: await keeper.wrap(key, values),
  });
  if (!reply) return 'no answer';
  const { refusal, parts } = reply;
  if (refusal !== null) return refusal;
  if (parts.length !== values.length) return 'another answer';
  return parts.map((part) => fromUtf8(part) || null);
}

const TOGETHER = 32;
const delivering: UnderWay = new WeakMap();

/** Brings in the background what is due, and what was not taken again, until nothing is. */
export function startDelivering(replica: Replica): void {
  const { keeper } = replica;
  if (!keeper) return;
  const faulted = (error: unknown) => replica.log('delivery-failed', { error: String(error) });
  startUntilNothingLeft(replica, delivering, () => deliverDue(replica, keeper), faulted);
}

/** Brings all that is due once. */
async function deliverDue(replica: Replica, keeper: ValueKeeper): Promise<Progress> {
  let [left, came] = [0, 0];
  if (!(await isVaultHere(replica, keeper))) return { left, came };
  let after: Delivery | undefined;
  for (;;) {
    const due = await keeper.deliveries({ limit: TOGETHER, ...(after && { after }) });
    if (due.length === 0 || replica.stopped) return { left, came };
    after = due.at(-1);
    const missed = await deliver(replica, keeper, due);
    left += missed.length;
    came += due.length - missed.length;
  }
}
