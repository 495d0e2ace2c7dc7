/** Admission: what a node lets into its mempool, checked against the final state. */

import type { PublicJwk } from '../bytes/crypto.ts';
import { type KeyRecord, SYSTEM_KEYS } from '../contract/system-records.ts';
import { checkSignature, checkWindow, unknownKey } from '../execution/admissible.ts';
import { decodeValue } from '../execution/decoded-values.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { type Replica, uncommitted } from './replica.ts';

/**
 * Admits a transaction: window, keys, signatures, repeats, room. Answers `known` for one that is
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
  for (const [index, keyId] of transaction.keyIds.entries()) {
    const jwk = await keyOf(replica, keyId);
    if (!jwk) return unknownKey(index, keyId);
    const bad = checkSignature(transaction, index, jwk);
    if (bad) return bad;
  }
  if (replica.mempool.get(id)) return 'known';
  if (await replica.final.isKnown(id)) return 'final';
  if (replica.mempool.full) {
    return rejected('mempool-full', 'This node holds as many transactions as it can; try again.');
  }
  const inBlock = uncommitted(replica, replica.record.highQc.block).some(({ ids }) => ids.has(id));
  replica.mempool.add(transaction);
  return inBlock ? 'known' : 'admitted';
}

/**
 * Whether no block can take it any more: block time never goes back. By its own clock alone a node
 * can't say so, because a block that it has not seen yet may hold the transaction.
 */
const isOver = ({ head }: Replica, { body }: Transaction): boolean =>
  head.header.time > body.notAfter;

async function keyOf(replica: Replica, keyId: string): Promise<PublicJwk | undefined> {
  const bytes = await replica.final.read(SYSTEM_KEYS.key(keyId));
  return bytes ? (decodeValue(bytes) as unknown as KeyRecord).jwk : undefined;
}
