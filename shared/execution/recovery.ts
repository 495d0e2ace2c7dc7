/** What an agreement of the members makes of the ledger: the validators, and the records that say so. */
import { encodeCbor, toValue } from '../bytes/cbor.ts';
import { jwkThumbprint } from '../bytes/crypto.ts';
import { validatorSetOf } from '../consensus/validators.ts';
import { type MemberRecord, SYSTEM_KEYS } from '../contract/system-records.ts';
import type { Agreement } from '../ledger/recovery.ts';
import { type Epoch, observersOf, validatorsRecord } from './block-execution.ts';

/**
 * The epoch that starts by an agreement, from the one that ended and the members at the agreed block.
 * Answers a sentence where the agreement contradicts them. Parameters stay as they are.
 */
export function recoveredEpoch(
  agreement: Agreement,
  { set, parameters }: Epoch,
  members: readonly MemberRecord[],
): Epoch | string {
  const flaw = flawOf(agreement, members);
  if (flaw !== undefined) return flaw;
  const after = members.map((member) => amended(agreement, member));
  const active = after.filter((member) => member.active);
  const changed = after.filter((member, index) => member !== members[index]);
  const amendments = new Map(
    changed.map((member) => [SYSTEM_KEYS.member(member.id), encodeCbor(toValue(member))]),
  );
  for (const [index, { id, nodeKey, peerKey }] of members.entries()) {
    const kept = [after[index]!.nodeKey, after[index]!.peerKey].map(jwkThumbprint);
    for (const keyId of [nodeKey, peerKey].map(jwkThumbprint)) {
      const retired = encodeCbor({ member: id });
      if (!kept.includes(keyId)) amendments.set(SYSTEM_KEYS.retiredKey(keyId), retired);
    }
  }
  if (agreement.removed.length > 0) {
    const ids = active.map(({ id }) => id);
    amendments.set(SYSTEM_KEYS.membership, encodeCbor({ members: ids }));
  }
  const next = validatorSetOf(set.ledger, agreement.epoch, parameters.tenureRounds, active);
  amendments.set(SYSTEM_KEYS.validators(agreement.epoch), encodeCbor(validatorsRecord(next)));
  return {
    set: next,
    parameters,
    observers: observersOf(active),
    amendments: [...amendments],
  };
}

function amended({ validators, removed }: Agreement, member: MemberRecord): MemberRecord {
  if (!member.active) return member;
  const chosen = validators.find((entry) => entry.member === member.id);
  if (chosen) {
    const { nodeKey, peerKey } = chosen;
    return { ...member, nodeKey, peerKey, validator: true };
  }
  const leaves = removed.includes(member.id);
  return leaves || member.validator ? { ...member, validator: false, active: !leaves } : member;
}

function flawOf(
  { validators, removed }: Agreement,
  members: readonly MemberRecord[],
): string | undefined {
  const active = new Set(members.flatMap(({ id, active: isActive }) => (isActive ? [id] : [])));
  const named = [...validators.map(({ member }) => member), ...removed];
  const stranger = named.find((member) => !active.has(member));
  if (stranger !== undefined) {
    return `There is no active member ${stranger}: new members join by a vote, once the ledger goes on.`;
  }
  if (new Set(named).size < named.length) return 'The agreement names a member twice.';
  const others = members.filter(({ id }) => !validators.some(({ member }) => member === id));
  const keys = [...validators, ...others].flatMap(({ nodeKey, peerKey }) => [nodeKey, peerKey]);
  return new Set(keys.map(jwkThumbprint)).size < keys.length
    ? 'The agreement gives one key to two members or two purposes.'
    : undefined;
}
