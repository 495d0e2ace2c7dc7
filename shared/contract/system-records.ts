/**
 * The records of the system contracts that the platform itself reads: members, keys, contracts,
 * parameters and the epoch. Genesis writes the first of them, governance and identity the rest;
 * the platform writes only the epoch.
 */
import { z } from 'zod';
import {
  ConsensusParametersSchema,
  GenesisMemberSchema,
  IdentityNameSchema,
  MemberIdSchema,
  PublicJwkSchema,
  RoleSchema,
} from '../ledger/genesis.ts';

/** The key of a record that there is one of. */
export const CURRENT = 'current';

/** `governance/member/<id>`. A removed member stays, inactive: an id is never used again. */
export const MemberRecordSchema = GenesisMemberSchema.omit({ identities: true }).extend({
  active: z.boolean(),
  /** Of a member that moved: where its node was before. The new one takes over there what its vault holds. */
  former: GenesisMemberSchema.pick({ hosting: true, endpoint: true }).optional(),
});
export type MemberRecord = z.infer<typeof MemberRecordSchema>;

/** A contract's code: its version, and the hash of the source that members approved. */
export const ContractCodeSchema = z.strictObject({
  version: z.int().min(1),
  codeHash: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hex'),
});
export type ContractCode = z.infer<typeof ContractCodeSchema>;

/** `governance/contract/<name>`: null where the contract is not active. */
export const ContractRecordSchema = z.strictObject({
  active: ContractCodeSchema.nullable(),
  /** What takes over at the start of an epoch; its code is null where the contract retires. */
  next: z
    .strictObject({ code: ContractCodeSchema.nullable(), fromEpoch: z.int().min(1) })
    .nullable(),
});
export type ContractRecord = z.infer<typeof ContractRecordSchema>;

/** `governance/parameters/current`. */
export const ParametersRecordSchema = ConsensusParametersSchema;

/**
 * `governance/epoch/current`. The executor of an epoch's first block writes {current: its epoch,
 * next: null}; a governance transaction that changes validators, parameters or contracts sets next
 * to current + 1, and the block that holds it is its epoch's last.
 */
export const EpochRecordSchema = z.strictObject({
  current: z.int().min(1),
  next: z.int().min(2).nullable(),
});
export type EpochRecord = z.infer<typeof EpochRecordSchema>;

/**
 * `governance/membership/current`: ids of the active members, sorted. There is none until the first
 * member joins or leaves: then they are those of the genesis document. One record, so that one state
 * proof shows how many members there are.
 */
export const MembershipRecordSchema = z.strictObject({ members: z.array(MemberIdSchema) });
export type MembershipRecord = z.infer<typeof MembershipRecordSchema>;

/**
 * `governance/awaited/<key id>`: a node key that approved proposals wait for, until the node that
 * holds it has proved that it follows the ledger.
 */
export const AwaitedRecordSchema = z.strictObject({
  member: MemberIdSchema,
  key: PublicJwkSchema,
  /** The peer key that this node speaks with already, where it is not the member's. */
  peerKey: PublicJwkSchema.optional(),
  proposals: z.array(z.string()).min(1).max(16),
});
export type AwaitedRecord = z.infer<typeof AwaitedRecordSchema>;

/** `identity/key/<JWK thumbprint>`: an identity of a member. A revoked key stays, inactive. */
export const KeyRecordSchema = z.strictObject({
  member: MemberIdSchema,
  name: IdentityNameSchema,
  roles: z.array(RoleSchema).max(64),
  jwk: PublicJwkSchema,
  active: z.boolean(),
});
export type KeyRecord = z.infer<typeof KeyRecordSchema>;

/** The name of the identity that a member's peer key has, to report evidence with. It holds no role. */
export const NODE_IDENTITY = 'node';

/** The name of the identity whose key a member's vault has: others encrypt to it. It holds no role, and signs nothing. */
export const VAULT_IDENTITY = 'vault';

/**
 * `ledger/validators/<epoch>`: [member, x, y] of each validator's node key, in the order of the set.
 * Genesis writes that of epoch 1, the platform the others in the block before the epoch.
 */
export type ValidatorsRecord = readonly (readonly [member: string, x: string, y: string])[];

/** `identity/roster/<member>`: the keys of its active identities by name, and who administers. */
export const RosterRecordSchema = z.strictObject({
  identities: z.record(
    IdentityNameSchema,
    z.strictObject({ keyId: z.string(), admin: z.boolean() }),
  ),
});
export type RosterRecord = z.infer<typeof RosterRecordSchema>;

/** The code of a contract that is in force in an epoch; undefined where none is. */
export function effectiveContract(
  record: ContractRecord | undefined,
  epoch: number,
): ContractCode | undefined {
  if (!record) return undefined;
  const { active, next } = record;
  return (next && next.fromEpoch <= epoch ? next.code : active) ?? undefined;
}

/**
 * The roles that a key's owner holds now: those granted to the key that its member still holds, and
 * `admin`. None for a revoked key or a removed member.
 */
export function effectiveRoles(key: KeyRecord, member: MemberRecord | undefined): string[] {
  if (!key.active || !member?.active) return [];
  return key.roles.filter((role) => role === 'admin' || member.roles.includes(role));
}

/** Full state keys of the records that the platform reads. */
export const SYSTEM_KEYS = {
  members: 'governance/member/',
  member: (id: string): string => `governance/member/${id}`,
  contracts: 'governance/contract/',
  contract: (name: string): string => `governance/contract/${name}`,
  parameters: `governance/parameters/${CURRENT}`,
  epoch: `governance/epoch/${CURRENT}`,
  validators: (epoch: number): string => `ledger/validators/${epoch}`,
  membership: `governance/membership/${CURRENT}`,
  retiredKey: (keyId: string): string => `governance/retired-key/${keyId}`,
  admission: (member: string): string => `governance/admission/${member}`,
  awaited: (keyId: string): string => `governance/awaited/${keyId}`,
  key: (keyId: string): string => `identity/key/${keyId}`,
  roster: (member: string): string => `identity/roster/${member}`,
  offences: 'evidence/offence/',
  offence: (id: string): string => `evidence/offence/${id}`,
} as const;
