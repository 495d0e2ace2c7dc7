/**
 * Takes confidential values that another node brings. They are believed as far as they prove themselves: a transaction
 * that a known key signed, and the texts of its digests. Whoever is no reader takes none.
 */

import { checkSignature } from '../execution/admissible.ts';
import { attachmentsIn } from '../ledger/attachment.ts';
import { BadDisclosure, revealedValues } from '../ledger/disclosure.ts';
import {
  BadEnvelope,
  ForAnotherKey,
  type KeptValues,
  type ValueKeeper,
} from '../ports/value-keeper.ts';
import { BadMessage } from './bad-message.ts';
import { startFetchingAttachments } from './fetch-attachments.ts';
import { keyRecord } from './key-record.ts';
import { definitionNow, readersOf } from './readers.ts';
import type { Replica } from './replica.ts';
import { tellArrival } from './shown-events.ts';

/** Why values are not kept that the ledger has erased: nobody brings them again. */
export const ERASED = 'erased';

/**
 * Keeps the values of an envelope; answers why it opens none, or of each transaction's values why not, and null once they are
 * durable.
 */
export async function receiveValues(
  replica: Replica,
  envelope: Uint8Array,
): Promise<string | readonly (string | null)[]> {
  const { keeper } = replica;
  if (!keeper) return 'no vault';
  const all = await opened(keeper, envelope);
  // Keys are rotated: its sender looks for the newest when it tries again.
  if (!all) return 'another vault key';
  return Promise.all(all.map((values) => keepOne(replica, keeper, values)));
}

async function keepOne(
  replica: Replica,
  keeper: ValueKeeper,
  values: KeptValues,
): Promise<string | null> {
  const { transaction, disclosures } = values;
  const { ledger, contract: name, method, args } = transaction.body;
  if (ledger !== replica.ledger) return 'another ledger';
  const key = await keyRecord(replica, transaction.keyIds[0]!);
  if (!key) return 'an unknown key';
  if (checkSignature(transaction, 0, key.jwk)) {
    throw new BadMessage('forged-values', 'values of a transaction that does not check');
  }
  const definition = await definitionNow(replica, name, method);
  if (!definition) return 'an unknown contract or method';
  const fields = fieldsOf(values);
  const readers = await readersOf(replica, name, definition.input, { ...args, ...fields });
  const own = readers.get(replica.member) ?? [];
  if (key.member !== replica.member && Object.keys(fields).some((field) => !own.includes(field))) {
    return 'not a reader';
  }
  if (!(await keeper.keep({ transaction, disclosures }))) return ERASED;
  await tellArrival(replica, keeper, transaction.id);
  if (attachmentsIn(fields).length > 0) startFetchingAttachments(replica);
  return null;
}

/** What is in an envelope; undefined where it is to a key that this vault has not. */
async function opened(
  keeper: ValueKeeper,
  envelope: Uint8Array,
): Promise<readonly KeptValues[] | undefined> {
  try {
    return await keeper.unwrap(envelope);
  } catch (error) {
    if (error instanceof ForAnotherKey) return undefined;
    if (!(error instanceof BadEnvelope)) throw error;
    throw new BadMessage('undecodable', error.message);
  }
}

function fieldsOf({ transaction, disclosures }: KeptValues) {
  try {
    return revealedValues(transaction.body.args, disclosures);
  } catch (error) {
    if (!(error instanceof BadDisclosure)) throw error;
    throw new BadMessage('forged-values', error.message);
  }
}
