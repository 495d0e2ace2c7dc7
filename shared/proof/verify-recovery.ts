/**
 * Checks a hand-over by agreement: that the members at the agreed block, more than two thirds of them,
 * signed for the next validators with keys that were their administrators' in the state of that block.
 */
import { z } from 'zod';
import { decodeCbor } from '../bytes/cbor.ts';
import { jwkThumbprint, sha256Hex } from '../bytes/crypto.ts';
import { type Digest, isDigest } from '../bytes/digest.ts';
import { fromBase64Url } from '../bytes/text.ts';
import { type ValidatorSet, validatorSetOf } from '../consensus/validators.ts';
import { verifyKey } from '../execution/state-tree.ts';
import type { Header } from '../ledger/block.ts';
import { PublicJwkSchema } from '../ledger/genesis.ts';
import { type AgreementKey, agreementSigners, parseAgreement } from '../ledger/recovery.ts';
import { check } from './check.ts';

const digest = z.string().refine(isDigest, 'a digest: 64 lowercase hex digits');

const EntrySchema = z.strictObject({
  key: z.string(),
  value: z.string().nullable(),
  siblings: z.array(digest).max(256),
  other: z.strictObject({ path: digest, valueHash: digest }).nullable(),
});
type Entry = z.output<typeof EntrySchema>;

/** The schema of a hand-over by agreement, apart from what makes the agreed block final. */
export const RecoverySchema = z.strictObject({
  agreement: z.strictObject({ payload: z.string(), signatures: z.array(z.unknown()) }),
  membership: EntrySchema,
  keys: z.array(EntrySchema),
});

const MEMBERSHIP_KEY = 'governance/membership/current';
const KEY_PREFIX = 'identity/key/';
const MembershipSchema = z.strictObject({ members: z.array(z.string()) });
const KeySchema = z.object({
  member: z.string(),
  jwk: PublicJwkSchema,
  roles: z.array(z.string()),
  active: z.boolean(),
});

/** Checks it against the agreed block, which was proven final, and the set that certified it. */
export function verifyRecovery(
  recovery: z.output<typeof RecoverySchema>,
  block: { readonly id: Digest; readonly header: Header },
  set: ValidatorSet,
  genesisMembers: readonly string[],
) {
  const signed = parseAgreement(recovery.agreement);
  check(typeof signed !== 'string', signed as string);
  const { agreement } = signed;
  const { stateRoot, height } = block.header;
  check(agreement.ledger === set.ledger, 'an agreement about another ledger');
  check(agreement.epoch === set.epoch + 1, 'an agreement on another epoch');
  check(
    agreement.block === block.id && agreement.height === height,
    'an agreement on another block',
  );
  check(recovery.membership.key === MEMBERSHIP_KEY, 'no proof of who the members were');
  const membership = proven(recovery.membership, stateRoot);
  const members = membership ? MembershipSchema.parse(membership).members : genesisMembers;
  const keys = new Map(recovery.keys.map((entry) => adminKey(entry, stateRoot)));
  check(keys.size === recovery.keys.length, 'a key that is proven twice');
  const signers = agreementSigners(signed, members, (keyId) => keys.get(keyId));
  check(typeof signers !== 'string', signers as string);
  const named = new Set(agreement.validators.map(({ member }) => member));
  check(named.size === agreement.validators.length, 'an agreement that names a validator twice');
  const validators = agreement.validators.map(({ member, nodeKey }) => ({
    id: member,
    validator: true,
    nodeKey,
  }));
  const next = validatorSetOf(set.ledger, agreement.epoch, set.tenureRounds, validators);
  const { epoch, reason } = agreement;
  return { next, epoch, height: agreement.height, members: signers, reason };
}

function adminKey(entry: Entry, stateRoot: Digest): [keyId: string, key: AgreementKey] {
  const key = KeySchema.parse(proven(entry, stateRoot) ?? null);
  const keyId = jwkThumbprint(key.jwk);
  check(entry.key === `${KEY_PREFIX}${keyId}`, 'the record of another key');
  return [keyId, key];
}

/** The value that an entry proves; undefined where it proves absence. */
function proven({ key, value, siblings, other }: Entry, root: Digest): unknown {
  const encoded = value === null ? null : fromBase64Url(value);
  check(encoded !== undefined, 'a value that is not strict base64url');
  const valueHash = encoded && (sha256Hex(encoded) as Digest);
  check(
    verifyKey({ root, key, valueHash, siblings, other }),
    `the path of ${key} does not lead to the state root`,
  );
  return encoded ? decodeCbor(encoded) : undefined;
}
