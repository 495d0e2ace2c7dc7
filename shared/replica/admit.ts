/** Admission: what a node lets into its mempool, checked against the final state. */

import { checkSignature, checkWindow, unknownKey } from '../execution/admissible.ts';
import { missingEndorsements, notEndorsed } from '../execution/endorsed.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { hopelessBefore } from './alarm.ts';
import { keyRecord } from './key-record.ts';
import { definitionNow, rolesOf } from './readers.ts';
import { type Replica, uncommitted } from './replica.ts';

/**
 * Admits a transaction: window, keys, room, signatures, repeats. Answers `known` for one that is
 * pending already, `final` for one that is on the ledger.
 */
export async function admit(
  replica: Replica,
  transaction: Transaction,
): Promise<'admitted' | 'known' | 'final' | Rejected> {
  const { id } = transaction;
  if (replica.mempool.get(id)) return 'known';
  if (await replica.final.isKnown(id)) return 'final';
  const { clockToleranceMs, transactionWindowMs } = replica.epoch.parameters;
  const now = Math.max(replica.ports.time.now(), replica.head.header.time);
  // Clocks differ: what a leader within the tolerance would still take is let in.
  const window = transactionWindowMs + clockToleranceMs;
  const refused = checkWindow(transaction, replica.ledger, now, window);
  if (refused?.rejection.code === 'expired' && !isOver(replica, transaction)) {
    return rejected('late', 'Send the same again, or ask for its status: it is not known yet.', {
      pointer: '/payload/notAfter',
      got: transaction.body.notAfter,
      expected: now,
    });
  }
  if (refused) return refused;
  const keyId = transaction.keyIds[0]!;
  const sender = await keyRecord(replica, keyId);
  if (!sender) return unknownKey(0, keyId);
  const { member } = sender;
  // A flood must not have its signatures checked only to be refused.
  const full = refuseForRoom(replica, transaction, member);
  if (full) return full;
  for (const [index, keyId] of transaction.keyIds.entries()) {
    const record = index === 0 ? sender : await keyRecord(replica, keyId);
    if (!record) return unknownKey(index, keyId);
    if (index > 0 && !record.active) {
      return rejected('key-revoked', 'The key of an endorsement was revoked.');
    }
    const bad = checkSignature(transaction, index, record.jwk);
    if (bad) return bad;
  }
  const lacking = await refuseUnendorsed(replica, transaction);
  if (lacking) return lacking;
  if (replica.mempool.get(id)) return 'known';
  if (await replica.final.isKnown(id)) return 'final';
  // Others came in meanwhile.
  const filled = refuseForRoom(replica, transaction, member);
  if (filled) return filled;
  const inBlock = uncommitted(replica, replica.record.highQc.block).some(({ ids }) => ids.has(id));
  replica.mempool.add(transaction, member);
  return inBlock ? 'known' : 'admitted';
}

/** One that lacks a signature must not stand in the way of the whole one, which has the same id. */
async function refuseUnendorsed(
  replica: Replica,
  { body, keyIds }: Transaction,
): Promise<Rejected | undefined> {
  const definition = await definitionNow(replica, body.contract, body.method);
  if (!definition?.endorsement) return undefined;
  const signers = await Promise.all(keyIds.slice(1).map((keyId) => keyRecord(replica, keyId)));
  const endorsers = signers.flatMap((signer) => (signer?.active ? [signer] : []));
  const roles = new Map(
    await Promise.all(
      endorsers.map(async ({ member }) => [member, await rolesOf(replica, member)] as const),
    ),
  );
  const missing = missingEndorsements(
    body.contract,
    definition,
    endorsers,
    (member) => roles.get(member)!,
  );
  return missing.length > 0 ? notEndorsed(missing) : undefined;
}

/**
 * Whether no block can take it any more: block time never goes back. By its own clock alone a node
 * can't say so, because a block that it has not seen yet may hold the transaction.
 */
const isOver = ({ head }: Replica, { body }: Transaction): boolean =>
  head.header.time > body.notAfter;

/** Nobody is told to come back later than this. */
const RETRY_S_MAX = 30;

/** The refusal of a transaction whose sender has as many waiting as it may; with when to come back. */
function refuseForRoom(
  replica: Replica,
  { keyIds, bytes }: Transaction,
  member: string,
): Rejected | undefined {
  const { mempool, pace, ports } = replica;
  const usedUp = mempool.usedUp(member, keyIds[0]!, bytes.length);
  if (!usedUp) return undefined;
  // Where all that waits has outlived its time, only the block of another one can end it.
  if (!mempool.hasLive(hopelessBefore(replica))) return undefined;
  const { of, unit, share } = usedUp;
  const now = ports.time.now();
  const seconds = pace.secondsFor(mempool.untilHalf(member), now);
  const retryS = Math.min(RETRY_S_MAX, Math.max(1, Math.ceil(seconds)));
  const whose = of === 'member' ? `of ${member}` : 'by this key';
  return rejected(
    'mempool-full',
    `This node has room for ${share} ${unit} of waiting transactions ${whose} at present, and this would be more; nothing was taken: send the same again in ${retryS} s.`,
    {
      limit: {
        name: `${of}${unit === 'bytes' ? 'Bytes' : 'Transactions'}Waiting`,
        value: share,
        now,
        freesAt: now + retryS * 1000,
      },
    },
  );
}
