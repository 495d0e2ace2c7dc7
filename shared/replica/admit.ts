/** Admission: what a node lets into its mempool, checked against the final state. */

import type { KeyRecord } from '../contract/system-records.ts';
import { checkSignature, checkWindow, unknownKey } from '../execution/admissible.ts';
import { missingEndorsements, notEndorsed } from '../execution/endorsed.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { hopelessBefore } from './alarm.ts';
import { keyRecord } from './key-record.ts';
import { definitionNow, rolesOf } from './readers.ts';
import { type Replica, uncommitted } from './replica.ts';

/** What became of a transaction: `known` is one that is pending already, `final` one that is on the ledger. */
export type Admission = 'admitted' | 'known' | 'final' | Rejected;

/** Admits a transaction: window, keys, room, signatures, repeats. */
export async function admit(replica: Replica, transaction: Transaction): Promise<Admission> {
  const [admission] = await admitTogether(replica, [transaction]);
  return admission!;
}

/** The records of the keys that signed a transaction. */
type Signers = readonly [KeyRecord, ...KeyRecord[]];

const isSigners = (found: Admission | Signers): found is Signers => Array.isArray(found);

/**
 * Admits transactions that came together: each step for all of them before the next step, so that signatures are checked
 * one right after the other, which takes a quarter less. Answers each in its order, up to the first whose signature is bad.
 */
export async function admitTogether(
  replica: Replica,
  transactions: readonly Transaction[],
): Promise<Admission[]> {
  const found: (Admission | Signers)[] = [];
  for (const transaction of transactions) found.push(await lookAt(replica, transaction));
  for (const [index, signers] of found.entries()) {
    const bad = isSigners(signers) && checkSigners(transactions[index]!, signers);
    if (!bad) continue;
    found[index] = bad;
    found.length = index + 1;
  }
  const answers: Admission[] = [];
  for (const [index, each] of found.entries()) {
    answers.push(isSigners(each) ? await letIn(replica, transactions[index]!, each) : each);
  }
  return answers;
}

/** Everything that can be said before its signatures are checked: what ends it, or who signed. */
async function lookAt(replica: Replica, transaction: Transaction): Promise<Admission | Signers> {
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
  const signers: KeyRecord[] = [];
  for (const [index, keyId] of transaction.keyIds.entries()) {
    const record = await keyRecord(replica, keyId);
    if (!record) return unknownKey(index, keyId);
    if (index > 0 && !record.active) {
      return rejected('key-revoked', 'The key of an endorsement was revoked.');
    }
    signers.push(record);
  }
  // A flood must not have its signatures checked only to be refused.
  return (
    refuseForRoom(replica, transaction, signers[0]!.member) ??
    (signers as [KeyRecord, ...KeyRecord[]])
  );
}

function checkSigners(transaction: Transaction, signers: Signers): Rejected | undefined {
  for (const [index, { jwk }] of signers.entries()) {
    const bad = checkSignature(transaction, index, jwk);
    if (bad) return bad;
  }
  return undefined;
}

/** Takes in a transaction whose signatures are good. */
async function letIn(
  replica: Replica,
  transaction: Transaction,
  [{ member }]: Signers,
): Promise<Admission> {
  const { id } = transaction;
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
