/**
 * Confidential values for the people of a node's own member: whoever signed the transaction, administrators, and whom its
 * contract lets (`mayRead`).
 */
import type { Digest } from '../bytes/digest.ts';
import { bindReading } from '../contract/bind.ts';
import { signedInput } from '../contract/confidential.ts';
import type { Caller } from '../contract/context.ts';
import { Rejected, rejected } from '../ledger/rejection.ts';
import type { KeptValues, ValueKeeper } from '../ports/value-keeper.ts';
import { fetchValues } from './ask-values.ts';
import { unavailable } from './holders.ts';
import { contractNow } from './readers.ts';
import type { Replica } from './replica.ts';
import { runWithValues } from './run-with-values.ts';
import { valuesRecord } from './values-record.ts';
import { isVaultHere } from './vault-place.ts';

/**
 * What the vault has of a transaction, got from another holder where it lacks what its member reads; rejected with
 * `forbidden` where it is not for `caller`; undefined where there is none.
 */
export async function ownValues(
  replica: Replica,
  id: Digest,
  caller: Caller | undefined,
): Promise<KeptValues | Rejected | undefined> {
  const { keeper } = replica;
  if (!keeper) return undefined;
  const values = await keptOrFetched(replica, keeper, id);
  if (!values || values instanceof Rejected) return values;
  if (caller && (await isFor(replica, keeper, values, caller))) return values;
  return rejected(
    'forbidden',
    'A transaction’s values are for the identity that signed it, its member’s administrators, and whom its contract lets read them.',
    { got: caller?.name ?? null },
  );
}

async function keptOrFetched(
  replica: Replica,
  keeper: ValueKeeper,
  id: Digest,
): Promise<KeptValues | Rejected | undefined> {
  if ((await valuesRecord(replica, id))?.erasedAt) {
    return rejected('erased', 'The values were erased.');
  }
  const kept = await keeper.read(id);
  if (kept) return kept;
  if (!(await isVaultHere(replica, keeper))) return unavailable();
  const fetched = await fetchValues(replica, id);
  if (fetched === 'none') return undefined;
  return fetched === 'kept' ? keeper.read(id) : unavailable();
}

/** Whether values that are kept are shown to somebody of the node's member. */
export async function isFor(
  replica: Replica,
  keeper: ValueKeeper,
  { transaction }: KeptValues,
  caller: Caller,
): Promise<boolean> {
  if (caller.roles.includes('admin') || transaction.keyIds[0] === caller.keyId) return true;
  const { contract: name, method, args } = transaction.body;
  const contract = await contractNow(replica, name);
  const definition = contract?.transactions[method];
  const record = await valuesRecord(replica, transaction.id);
  // What is not committed is its signer’s.
  if (!contract || !definition?.mayRead || !record) return false;
  const parsed = signedInput(definition.input).safeParse(args);
  if (!parsed.success) return false;
  const called = { transaction: transaction.id, owner: record.owner, input: parsed.data as object };
  const { time } = replica.head.header;
  return runWithValues(replica, keeper, (state, values) =>
    definition.mayRead!(bindReading(contract, state, { caller, time, values }), called),
  );
}
