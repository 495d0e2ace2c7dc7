/**
 * Where a member's vault is. Of a member that moves, the node that it leaves works with it until the other one takes it over,
 * which has the vote then, and registers its own vault key. In between nobody works with it: a tally that lacks what was taken
 * would let too much pass.
 */
import { VAULT_IDENTITY } from '../contract/system-records.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import { memberRecord, registeredKey } from './readers.ts';
import type { Replica } from './replica.ts';

/** `here`; `coming`: what the former node has is taken over; `elsewhere`: with the node that is the member's by now, or still. */
export type VaultPlace = 'here' | 'coming' | 'elsewhere';

/** Until when this node leaves its vault alone because its member's next node, which copies it, has asked for that. */
const closedUntil = new WeakMap<ValueKeeper, number>();
/** For so long; the other node has the vote by then, or has asked again. */
export const VAULT_CLOSED_MS = 120_000;

/** The member's next node takes the vault over now. */
export function closeVault({ ports }: Replica, keeper: ValueKeeper): void {
  closedUntil.set(keeper, ports.time.now() + VAULT_CLOSED_MS);
}

/** The epoch in which it was found to be here: a member's node changes at the start of one only. */
const hereIn = new WeakMap<ValueKeeper, number>();

/** Where it is by the final state. */
export async function vaultPlace(replica: Replica, keeper: ValueKeeper): Promise<VaultPlace> {
  const { epoch } = replica.epoch.set;
  if ((closedUntil.get(keeper) ?? 0) > replica.ports.time.now()) return 'elsewhere';
  if (hereIn.get(keeper) === epoch) return 'here';
  const record = await memberRecord(replica, replica.member);
  // Who is no member yet has nothing to take over.
  if (record && !replica.ports.signer.holds(record.nodeKey)) return 'elsewhere';
  const registered = await registeredVaultKey(replica);
  if (registered !== undefined && !keeper.opens(registered)) return 'coming';
  hereIn.set(keeper, epoch);
  return 'here';
}

/** The thumbprint of the key that others encrypt to; undefined where this member has registered none. */
export const registeredVaultKey = (replica: Replica): Promise<string | undefined> =>
  registeredKey(replica, replica.member, VAULT_IDENTITY);

/** Whether this node works with it. */
export const isVaultHere = async (replica: Replica, keeper: ValueKeeper): Promise<boolean> =>
  (await vaultPlace(replica, keeper)) === 'here';

/** Why nothing may be kept in this vault, or taken from it, now; undefined where it is here. */
export async function refuseWhileMoving(
  replica: Replica,
  keeper: ValueKeeper,
): Promise<Rejected | undefined> {
  const place = await vaultPlace(replica, keeper);
  if (place === 'here') return undefined;
  return rejected(
    'vault-moving',
    place === 'coming'
      ? 'Others encrypt to the vault key of the member’s former node still, whose vault this one takes over: send the same again in a moment.'
      : 'The member’s vault is with another node of it: call that one, or this one when the member has moved here.',
    { got: place },
  );
}
