/** Disputes that a node raises on the ledger by itself, and settles. */
import type { Digest } from '../bytes/digest.ts';
import {
  CONFIDENTIAL,
  type Dispute,
  type DisputeReason,
  disputeKey,
  type ValuesRecord,
} from '../contract/confidential-records.ts';
import { decodeValue } from '../execution/decoded-values.ts';
import { Rejected } from '../ledger/rejection.ts';
import { readingRoles } from './holders.ts';
import { submitAsNode } from './node-call.ts';
import { rolesOf } from './readers.ts';
import type { Replica } from './replica.ts';

/** Whether this member disputes a transaction's values now. */
async function isDisputed(replica: Replica, id: Digest): Promise<boolean> {
  const stored = await replica.final.read(disputeKey(id, replica.member));
  return stored ? (decodeValue(stored) as unknown as Dispute).settledAt === null : false;
}

/**
 * Whether a role of this member reads something of such calls. Only then it may say so itself: that a member reads them as a
 * party is hidden.
 */
export async function readsByRole(replica: Replica, record: ValuesRecord): Promise<boolean> {
  const own = await rolesOf(replica, replica.member);
  return (await readingRoles(replica, record)).some((role) => own.includes(role));
}

/** Disputes values, unless this member does. */
export async function dispute(
  replica: Replica,
  record: Digest,
  reason: DisputeReason,
): Promise<void> {
  if (!(await isDisputed(replica, record))) await say(replica, 'dispute', { record, reason });
}

/** Settles this member's dispute, where there is one. */
export async function settle(replica: Replica, record: Digest): Promise<void> {
  if (await isDisputed(replica, record)) await say(replica, 'settle', { record });
}

async function say(
  replica: Replica,
  method: 'dispute' | 'settle',
  args: { readonly record: Digest; readonly reason?: DisputeReason },
): Promise<void> {
  const nonce = `${method[0]}${args.record.slice(1)}`;
  const outcome = await submitAsNode(replica, { contract: CONFIDENTIAL, method, args, nonce });
  if (outcome instanceof Rejected) {
    replica.log(`${method}-failed`, {
      transaction: args.record,
      error: outcome.rejection.message,
    });
  }
}
