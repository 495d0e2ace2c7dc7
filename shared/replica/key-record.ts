/** Whose key signed: what the final state says of key ids. */
import type { KeyRecord } from '../contract/system-records.ts';
import { SYSTEM_KEYS } from '../contract/system-records.ts';
import { decodeValue } from '../execution/decoded-values.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { Replica } from './replica.ts';

/** The record of a key; undefined where no member registered it. */
export async function keyRecord(
  { final }: Pick<Replica, 'final'>,
  keyId: string,
): Promise<KeyRecord | undefined> {
  const bytes = await final.read(SYSTEM_KEYS.key(keyId));
  return bytes ? (decodeValue(bytes) as unknown as KeyRecord) : undefined;
}

/**
 * The members whose keys signed transactions first, by key id. A key that is not final yet, which only a
 * block can have let in, stands for itself.
 */
export async function senders(
  replica: Pick<Replica, 'final'>,
  transactions: readonly Transaction[],
): Promise<(transaction: Transaction) => string> {
  const members = new Map<string, string>();
  const keyIds = new Set(transactions.map(({ keyIds: [first] }) => first!));
  const look = async (keyId: string): Promise<void> => {
    const record = await keyRecord(replica, keyId);
    members.set(keyId, record?.member ?? keyId);
  };
  await Promise.all([...keyIds].map(look));
  return ({ keyIds: [first] }) => members.get(first!)!;
}
