/** Asks other members' nodes for values: under a grant, or because this member reads them by their contract and lacks them. */

import type { Digest } from '../bytes/digest.ts';
import type { Reply } from '../consensus/message.ts';
import { CONFIDENTIAL, type DisputeReason } from '../contract/confidential-records.ts';
import { checkSignature } from '../execution/admissible.ts';
import { revealedValues } from '../ledger/disclosure.ts';
import { Rejected, rejected } from '../ledger/rejection.ts';
import type { Custody } from '../ports/custody.ts';
import type { KeptValues, ValueKeeper } from '../ports/value-keeper.ts';
import { BadMessage } from './bad-message.ts';
import { signCall } from './custodial.ts';
import { holdersOf, unavailable } from './holders.ts';
import { keyRecord } from './key-record.ts';
import { receiveValues } from './receive-values.ts';
import type { Replica } from './replica.ts';
import type { ValuesRefusal } from './serve-values.ts';
import { ask } from './tell.ts';
import { valuesRecord } from './values-record.ts';

/** Refusals that another holder would not answer otherwise. */
const FINAL: readonly string[] = [
  ...([
    'erased',
    'expired',
    'forbidden',
    'malformed',
    'not-covered',
    'revoked',
    'too-many',
  ] as const),
  ...(['unknown-grant', 'unknown-key', 'unknown-record', 'no-vault-key'] as const),
] satisfies ValuesRefusal[];

/**
 * Reads records of another member under its grant, signed by an identity whose key this node keeps. The request stands
 * on the ledger when there is an answer, or soon after. Nothing of it is kept.
 */
export async function readGranted(
  replica: Replica,
  custody: Custody,
  keeper: ValueKeeper,
  identity: string,
  grant: string,
  ids: readonly Digest[],
): Promise<readonly KeptValues[] | Rejected> {
  const record = await valuesRecord(replica, ids[0]!);
  if (!record) return refused('unknown-record');
  if (record.erasedAt !== null) return refused('erased');
  const args = { grant, records: [...ids] };
  const call = { contract: CONFIDENTIAL, method: 'read', args };
  const signed = await signCall(replica, custody, identity, call);
  if (signed instanceof Rejected) return signed;
  const request = signed.bytes;
  for (const holder of await holdersOf(replica, record)) {
    const reply = await ask(replica, holder, { kind: 'read-values', request });
    if (!reply) continue;
    if (reply.refusal !== null) {
      if (FINAL.includes(reply.refusal)) return refused(reply.refusal as ValuesRefusal);
      replica.log('values-not-read', { member: holder, why: reply.refusal });
      continue;
    }
    const values = await Promise.all(reply.parts.map((part) => opened(replica, keeper, part)));
    const wrong = ids.some((id, index) => values[index]?.transaction.id !== id);
    if (!wrong && values.length === ids.length) return values as KeptValues[];
    replica.log('values-not-read', { member: holder, why: 'other values than were asked for' });
  }
  return unavailable();
}

function refused(why: ValuesRefusal): Rejected {
  if (why === 'erased') return rejected('erased', 'The values were erased.');
  return rejected('not-granted', 'The values are not for this member to read, or not any more.', {
    reason: why,
  });
}

/** What is in an envelope, where it proves itself; undefined where it does not. */
async function opened(
  replica: Replica,
  keeper: ValueKeeper,
  envelope: Uint8Array,
): Promise<KeptValues | undefined> {
  try {
    const [values] = await keeper.unwrap(envelope);
    const { transaction, disclosures } = values!;
    revealedValues(transaction.body.args, disclosures);
    const key = await keyRecord(replica, transaction.keyIds[0]!);
    return key && !checkSignature(transaction, 0, key.jwk) ? values : undefined;
  } catch {
    // Why says nothing that may be logged; the caller says that it was not read.
    return undefined;
  }
}

/** What came of fetching: `none` where this member reads nothing of it, as a holder says; otherwise why nothing came. */
export type Fetched = 'kept' | 'none' | DisputeReason;

/** Fetches what this member reads of a transaction by its contract, and keeps it. */
export async function fetchValues(replica: Replica, id: Digest): Promise<Fetched> {
  const record = await valuesRecord(replica, id);
  if (!record) return 'none';
  const seen = new Set<Fetched>();
  for (const holder of await holdersOf(replica, record)) {
    const reply = await ask(replica, holder, { kind: 'fetch-values', transaction: id });
    const why = await whyNot(replica, reply);
    if (why === null) return 'kept';
    seen.add(reply?.refusal === 'not-a-reader' ? 'none' : why.means);
    replica.log('values-not-read', { member: holder, why: why.says });
  }
  const told = (['digest-mismatch', 'none', 'refused'] as const).find((one) => seen.has(one));
  return told ?? 'not-delivered';
}

/** Keeps what a reply brings; null where that went well. Here it was asked for: what is forged is one more that gave nothing. */
async function whyNot(
  replica: Replica,
  reply: Reply | undefined,
): Promise<{ readonly means: DisputeReason; readonly says: string } | null> {
  const [envelope] = reply?.parts ?? [];
  if (!reply) return { means: 'not-delivered', says: 'no answer' };
  if (!envelope) return { means: 'refused', says: reply.refusal ?? 'nothing in it' };
  try {
    const taken = await receiveValues(replica, envelope);
    const says = typeof taken === 'string' ? taken : taken[0]!;
    return says === null ? null : { means: 'refused', says };
  } catch (error) {
    if (!(error instanceof BadMessage)) throw error;
    return { means: 'digest-mismatch', says: error.message };
  }
}
