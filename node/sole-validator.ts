/** A ledger with one validator: nobody else can tell what it signed or committed since a backup. */
import { validatorSetOf } from '../shared/consensus/validators.ts';
import { type Genesis, ledgerId } from '../shared/ledger/genesis.ts';
import { readEpoch } from '../shared/replica/durable.ts';
import { decodeHead } from '../shared/replica/head.ts';
import type { NodeStores } from './node-stores.ts';
import { UserError } from './user-error.ts';

/** How many validators the store's present epoch has; of an empty store, the first epoch's. */
export async function countValidators(stores: NodeStores, genesis: Genesis): Promise<number> {
  const head = await stores.heads.read('head');
  if (!head) return validatorSetOf(ledgerId(genesis), 1, 1, genesis.members).validators.length;
  const { epoch } = await readEpoch(stores.state, decodeHead(head.bytes).epoch);
  return epoch.set.validators.length;
}

/** Throws a `UserError` where a restored store's ledger has one validator. Changes nothing. */
export async function refuseSoleValidator(
  stores: NodeStores,
  genesis: Genesis,
  why: string,
): Promise<void> {
  if ((await countValidators(stores, genesis)) > 1) return;
  throw new UserError(
    `This store counts as restored (${why}), and its ledger has one validator: nobody can tell what it ` +
      'committed since, and signing again could contradict that. Put the newest data folder and its store ' +
      'identity back, or give up what was committed since a backup: fuqi restore BACKUP --into FOLDER --accept-loss.',
  );
}
