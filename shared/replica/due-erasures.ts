/**
 * Values whose contract's rule says that they are to be erased by now: each member's node asks for the erasure of its own,
 * and of others' where their owners' nodes have not for a day. What is erased leaves nothing to be walked over: a look
 * begins where the last one ended, which the vault remembers.
 */
import type { Digest } from '../bytes/digest.ts';
import { CONFIDENTIAL, timedId } from '../contract/confidential-records.ts';
import { prefixRange } from '../execution/view.ts';
import { Rejected } from '../ledger/rejection.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import { submitAsNode } from './node-call.ts';
import { Snapshot } from './query.ts';
import type { Replica } from './replica.ts';
import { valuesRecord } from './values-record.ts';

const DUE = `${CONFIDENTIAL}/due/`;
/** So many are looked at together, and go in one erasure where they have one owner. */
const PAGE = 64;
/** A function does so much at once. */
const PAGES_MAX = 16;
/** A record's owner erases what is due; others do when it has not for so long. */
const OTHERS_AFTER_MS = 24 * 3600 * 1000;

/** Of replicas that go on: what their vaults say is as old as the last record that was due. */
const lookedUpTo = new WeakMap<Replica, string>();

/** Asks for the erasure of all that is due. */
export async function eraseDue(replica: Replica, keeper: ValueKeeper): Promise<void> {
  const { header } = replica.head;
  const now = replica.ports.time.now();
  const snapshot = new Snapshot(replica, header.height!);
  const range = { ...prefixRange(DUE, PAGE), to: `${DUE}${timedId(now + 1, '')}` };
  const kept = await keeper.dueFrom();
  const before = lookedUpTo.get(replica) ?? kept;
  let from = before === undefined ? range.from : `${DUE}${before}`;
  let first: string | undefined;
  for (let pages = 0; !replica.stopped; ) {
    const entries = await snapshot.range({ ...range, from });
    const places = entries.map(({ key }) => key.slice(DUE.length));
    first ??= places[0];
    await askFor(replica, places, now);
    if (entries.length < PAGE || (replica.lease && ++pages === PAGES_MAX)) break;
    from = `${entries.at(-1)!.key}\0`;
  }
  // What is not on the ledger yet will be due no earlier than its block's time.
  lookedUpTo.set(replica, first ?? timedId(header.time, ''));
  // Where nothing is ever due nothing is written.
  if (first !== undefined && first !== kept) await keeper.setDueFrom(first);
}

/** Asks for the erasure of those among due records that are this member's, or nobody's for a day. */
async function askFor(replica: Replica, places: readonly string[], now: number): Promise<void> {
  const byOwner = new Map<string, Digest[]>();
  for (const place of places) {
    const [at, id] = place.split('.') as [string, Digest];
    const record = await valuesRecord(replica, id);
    if (!record || record.erasedAt !== null || record.heldBy.length > 0) continue;
    if (record.owner !== replica.member && Number(at) + OTHERS_AFTER_MS > now) continue;
    byOwner.set(record.owner, [...(byOwner.get(record.owner) ?? []), id]);
  }
  for (const records of byOwner.values()) {
    const call = { contract: CONFIDENTIAL, method: 'eraseDue', args: { records } };
    const outcome = await submitAsNode(replica, { ...call, nonce: records[0]! });
    if (outcome instanceof Rejected) {
      const error = outcome.rejection.message;
      replica.log('due-not-erased', { transaction: records[0]!, count: records.length, error });
    }
  }
}
