/**
 * Where a member's vault is. Of a member that moves, the node that it leaves works with it until the other one votes; then that
 * one takes over what changed meanwhile, and registers its own vault key. Only then is its vault worked with: a tally that lacks
 * what was taken would let too much pass.
 */
import { type RosterRecord, SYSTEM_KEYS, VAULT_IDENTITY } from '../contract/system-records.ts';
import { decodeValue } from '../execution/decoded-values.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import { memberRecord } from './readers.ts';
import type { Replica } from './replica.ts';

/** `here`; `coming`: what the former node has is taken over; `elsewhere`: with the node that is the member's by now, or still. */
export type VaultPlace = 'here' | 'coming' | 'elsewhere';

/**
 * Until when a vault is taken for being elsewhere because its member's next node said that it votes: nobody tells a node that
 * was left, so it may not know.
 */
const leftUntil = new WeakMap<ValueKeeper, number>();
const LEFT_MS = 10 * 60_000;

/** The member's next node has said that it is in force. */
export function leaveVault({ ports }: Replica, keeper: ValueKeeper): void {
  leftUntil.set(keeper, ports.time.now() + LEFT_MS);
}

/** The epoch in which it was found to be here: a member's node changes at the start of one only. */
const hereIn = new WeakMap<ValueKeeper, number>();

/** Where it is by the final state. */
export async function vaultPlace(replica: Replica, keeper: ValueKeeper): Promise<VaultPlace> {
  const { epoch } = replica.epoch.set;
  if ((leftUntil.get(keeper) ?? 0) > replica.ports.time.now()) return 'elsewhere';
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
  registeredKey(replica, VAULT_IDENTITY);

/** The thumbprint of the key that this member's identity of that name has; undefined where it has none. */
export async function registeredKey(replica: Replica, name: string): Promise<string | undefined> {
  const stored = await replica.final.read(SYSTEM_KEYS.roster(replica.member));
  const roster = stored && (decodeValue(stored) as unknown as RosterRecord);
  return roster?.identities[name]?.keyId;
}

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
