/** What the ledger says of transactions with confidential fields. */
import type { Digest } from '../bytes/digest.ts';
import { type ValuesRecord, valuesKey } from '../contract/confidential-records.ts';
import { decodeValue } from '../execution/decoded-values.ts';
import type { OutcomeOf } from '../ports/value-keeper.ts';
import type { Replica } from './replica.ts';
import { finalStatus } from './submit.ts';

/** Whose a transaction's values are, and whether they are erased; undefined where it is not committed. */
export async function valuesRecord(
  replica: Replica,
  id: Digest,
): Promise<ValuesRecord | undefined> {
  const stored = await replica.final.read(valuesKey(id));
  return stored ? (decodeValue(stored) as unknown as ValuesRecord) : undefined;
}

/** What became of such transactions. By the state, which has them also where their blocks are not kept. */
export const outcomeOf =
  (replica: Replica): OutcomeOf =>
  async ({ id, notAfter }) => {
    if (await valuesRecord(replica, id)) return 'committed';
    if ((await finalStatus(replica, id))?.status === 'rejected') return 'over';
    // Only block time says that no block can take it any more.
    return replica.head.header.time > notAfter ? 'over' : 'open';
  };
