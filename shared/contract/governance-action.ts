/**
 * What members can decide: a closed union of actions, what may stand against one, and its effect.
 * Effects on validators, parameters and contracts begin with the next epoch.
 */
import { z } from 'zod';
import { jwkThumbprint, type PublicJwk } from '../bytes/crypto.ts';
import {
  ConsensusParametersSchema,
  EndpointSchema,
  type GenesisMember,
  GenesisMemberSchema,
  MemberIdSchema,
  PublicJwkSchema,
} from '../ledger/genesis.ts';
import { LIMITS } from '../ledger/limits.ts';
import type { Context, RecordReader } from './context.ts';
import { obstacleToThresholds, ThresholdsSchema } from './governance-threshold.ts';
import {
  AwaitedRecordSchema,
  ContractCodeSchema,
  ContractRecordSchema,
  CURRENT,
  EpochRecordSchema,
  effectiveContract,
  type MemberRecord,
  MemberRecordSchema,
  MembershipRecordSchema,
  ParametersRecordSchema,
} from './system-records.ts';

const member = MemberIdSchema;
const contractName = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'a contract name');

/**
 * One decision. `replace-node-key` and `change-hosting` leave the peer key where none is given.
 * `replace-validator` gives `by` the vote of `member` at one boundary; with `leaves` that member is
 * removed at the same one.
 */
export const ActionSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('add-member'), member: GenesisMemberSchema }),
  z.strictObject({ kind: z.literal('remove-member'), member }),
  z.strictObject({ kind: z.literal('set-validator'), member, validator: z.boolean() }),
  z.strictObject({
    kind: z.literal('replace-validator'),
    member,
    by: member,
    leaves: z.boolean(),
  }),
  z.strictObject({ kind: z.literal('replace-peer-key'), member, peerKey: PublicJwkSchema }),
  z.strictObject({
    kind: z.literal('replace-node-key'),
    member,
    nodeKey: PublicJwkSchema,
    peerKey: PublicJwkSchema.optional(),
  }),
  z.strictObject({
    kind: z.literal('set-roles'),
    member,
    roles: GenesisMemberSchema.shape.roles.max(64),
  }),
  z.strictObject({
    kind: z.literal('change-hosting'),
    member,
    hosting: GenesisMemberSchema.shape.hosting,
    nodeKey: PublicJwkSchema,
    peerKey: PublicJwkSchema.optional(),
    /** Where its new node is reached; where none is given, nowhere that the ledger knows of. */
    endpoint: EndpointSchema.optional(),
  }),
  ContractCodeSchema.extend({ kind: z.literal('activate-contract'), name: contractName }),
  z.strictObject({ kind: z.literal('retire-contract'), name: contractName }),
  z.strictObject({ kind: z.literal('set-parameters'), parameters: ConsensusParametersSchema }),
  z.strictObject({ kind: z.literal('set-thresholds'), thresholds: ThresholdsSchema }),
]);
export type Action = z.infer<typeof ActionSchema>;

/** The first identities of a member that was added; identity.enrol turns them into keys. */
export const AdmissionSchema = GenesisMemberSchema.pick({ identities: true });

/** `ready/<key id>`: the last final block that the node with this key proved to have. */
const ReadySchema = z.strictObject({
  member,
  height: z.int().min(1),
  block: z.string(),
  /** Block time of the statement. */
  time: z.int(),
});

/** Records that actions read and write. */
export const actionRecords = {
  member: MemberRecordSchema,
  membership: MembershipRecordSchema,
  /** Keys that a member had once, by thumbprint: none is ever used again. */
  'retired-key': z.strictObject({ member }),
  ready: ReadySchema,
  awaited: AwaitedRecordSchema,
  thresholds: ThresholdsSchema,
  admission: AdmissionSchema,
  contract: ContractRecordSchema,
  parameters: ParametersRecordSchema,
  epoch: EpochRecordSchema,
};
type ActionRecords = typeof actionRecords;
export type Reader = RecordReader<ActionRecords>;
type Writer = Reader & Pick<Context<ActionRecords>, 'put'>;

/** Removed members included: their ids and keys are never used again. */
const MEMBERS_MAX = 256;
const SYSTEM_CONTRACTS = ['governance', 'identity'];

/** All members, removed ones included, in the order of their ids. */
export const allMembers = (context: Reader) =>
  context.scan('member', { limit: MEMBERS_MAX }).map(({ value }) => value);

/** The current epoch's number, as the platform wrote it when the epoch started. */
const currentEpoch = (context: Reader): number => context.get('epoch', CURRENT)!.current;

/** Why an action can't be taken as things stand, as a sentence; undefined where it can. */
export function obstacle(context: Reader, action: Action): string | undefined {
  switch (action.kind) {
    case 'add-member':
      return obstacleToMember(context, action.member);
    case 'activate-contract':
    case 'retire-contract':
      return obstacleToContract(context, action);
    case 'set-parameters':
      return action.parameters.baseTimeoutMs > action.parameters.timeoutMsMax
        ? 'baseTimeoutMs is larger than timeoutMsMax.'
        : undefined;
    case 'set-thresholds':
      return obstacleToThresholds(action.thresholds);
    default:
      return obstacleToChange(context, action);
  }
}

function obstacleToMember(
  context: Reader,
  added: Extract<Action, { kind: 'add-member' }>['member'],
): string | undefined {
  const members = allMembers(context);
  if (members.some(({ id }) => id === added.id)) {
    return `The member id ${added.id} is in use, or was; choose another.`;
  }
  if (members.length >= MEMBERS_MAX) return `A consortium has ${MEMBERS_MAX} members at the most.`;
  if (added.validator && validatorCount(members) >= LIMITS.validatorsMax) {
    return `A consortium has ${LIMITS.validatorsMax} validators at the most.`;
  }
  return obstacleToKeys(context, added) ?? obstacleToIdentities(context, added.identities);
}

/** Why these can't be the first identities of a member's node. */
export function obstacleToIdentities(
  context: Reader,
  identities: GenesisMember['identities'],
): string | undefined {
  if (!identities.some(({ roles }) => roles.includes('admin'))) {
    return 'None of the first identities holds the role admin.';
  }
  const names = new Set(identities.map(({ name }) => name));
  const keyIds = new Set(identities.map(({ key }) => jwkThumbprint(key)));
  if (names.size < identities.length || keyIds.size < identities.length) {
    return 'Two of the first identities have one name or one key.';
  }
  for (const keyId of keyIds) {
    if (context.lookup('identity', 'key', keyId)) return `The key ${keyId} is registered already.`;
  }
  return undefined;
}

type MemberChange = Extract<Action, { readonly member: string }>;

function obstacleToChange(context: Reader, action: MemberChange): string | undefined {
  const found = context.get('member', action.member);
  if (!found?.active) return `There is no active member ${action.member}.`;
  switch (action.kind) {
    case 'remove-member':
      return found.validator && validatorCount(allMembers(context)) === 1
        ? 'The last validator has to stay.'
        : undefined;
    case 'set-validator': {
      if (found.validator === action.validator) return 'This changes nothing.';
      const count = validatorCount(allMembers(context));
      if (!action.validator && count === 1) return 'The last validator has to stay.';
      return action.validator && count >= LIMITS.validatorsMax
        ? `A consortium has ${LIMITS.validatorsMax} validators at the most.`
        : undefined;
    }
    case 'replace-validator':
      return obstacleToSuccession(context, found, action.by);
    case 'replace-node-key':
    case 'replace-peer-key':
    case 'change-hosting':
      // Moving to another host is a key replacement: no node's record moves with a live key.
      return obstacleToKeys(context, action);
    case 'set-roles':
      return undefined;
  }
}

function obstacleToSuccession(
  context: Reader,
  found: MemberRecord,
  by: string,
): string | undefined {
  if (!found.validator) return `The member ${found.id} is no validator.`;
  const successor = context.get('member', by);
  if (!successor?.active) return `There is no active member ${by}; add it first, without a vote.`;
  return successor.validator ? `The member ${by} is a validator already.` : undefined;
}

/** Keys are used once, for one purpose, by one member: also those that were replaced or left with it. */
function obstacleToKeys(
  context: Reader,
  keys: { readonly nodeKey?: PublicJwk | undefined; readonly peerKey?: PublicJwk | undefined },
): string | undefined {
  const members = allMembers(context);
  const given = [
    ['node', keys.nodeKey],
    ['peer', keys.peerKey],
  ] as const;
  for (const [name, key] of given) {
    if (!key) continue;
    const keyId = jwkThumbprint(key);
    if (isKeyOf(members, keyId)) return `The ${name} key is in use by a member.`;
    if (context.get('retired-key', keyId))
      return `The ${name} key was in use before; make a new one.`;
    if (context.lookup('identity', 'key', keyId)) return `The ${name} key is an identity’s key.`;
  }
  const { nodeKey, peerKey } = keys;
  return nodeKey && peerKey && jwkThumbprint(nodeKey) === jwkThumbprint(peerKey)
    ? 'The node key and the peer key are one key; use two.'
    : undefined;
}

function obstacleToContract(
  context: Reader,
  action: Extract<Action, { kind: 'activate-contract' | 'retire-contract' }>,
): string | undefined {
  const record = context.get('contract', action.name);
  const coming = effectiveContract(record, currentEpoch(context) + 1);
  if (action.kind === 'activate-contract') {
    return coming?.version === action.version && coming.codeHash === action.codeHash
      ? 'This code is active already, or will be with the next epoch.'
      : undefined;
  }
  if (SYSTEM_CONTRACTS.includes(action.name)) return `A ledger needs the contract ${action.name}.`;
  return coming ? undefined : `The contract ${action.name} is not active.`;
}

/** Takes an action that nothing stands against. */
export function enact(context: Writer, action: Action): void {
  switch (action.kind) {
    case 'add-member': {
      // It follows without a vote until its node has proved that it does.
      const { identities, ...added } = action.member;
      context.put('member', added.id, { ...added, validator: false, active: true });
      context.put('admission', added.id, { identities });
      membershipChanged(context);
      endEpoch(context);
      return;
    }
    case 'activate-contract': {
      const { version, codeHash } = action;
      setContract(context, action.name, { version, codeHash });
      return;
    }
    case 'retire-contract':
      setContract(context, action.name, null);
      return;
    case 'set-parameters':
      context.put('parameters', CURRENT, action.parameters);
      endEpoch(context);
      return;
    case 'set-thresholds':
      context.put('thresholds', CURRENT, {
        ...context.get('thresholds', CURRENT),
        ...action.thresholds,
      });
      return;
    default:
      changeMember(context, action);
  }
}

function changeMember(context: Writer, action: MemberChange): void {
  const found = context.get('member', action.member)!;
  const { id } = found;
  switch (action.kind) {
    case 'remove-member':
      context.put('member', id, { ...found, active: false, validator: false });
      membershipChanged(context);
      endEpoch(context);
      return;
    case 'set-validator':
      context.put('member', id, { ...found, validator: action.validator });
      endEpoch(context);
      return;
    case 'replace-validator': {
      const successor = context.get('member', action.by)!;
      context.put('member', action.by, { ...successor, validator: true });
      context.put('member', id, { ...found, validator: false, active: !action.leaves });
      if (action.leaves) membershipChanged(context);
      endEpoch(context);
      return;
    }
    case 'replace-node-key':
    case 'replace-peer-key':
      replaceKeys(context, found, action);
      return;
    case 'change-hosting': {
      const { endpoint: before, ...elsewhere } = found;
      const { endpoint } = action;
      const former = { hosting: found.hosting, ...(before !== undefined && { endpoint: before }) };
      const moved = { ...elsewhere, former, ...(endpoint !== undefined && { endpoint }) };
      replaceKeys(context, moved, action);
      return;
    }
    case 'set-roles':
      context.put('member', id, { ...found, roles: [...new Set(action.roles)].sort() });
  }
}

function replaceKeys(
  context: Writer,
  found: MemberRecord,
  keys: {
    readonly nodeKey?: PublicJwk | undefined;
    readonly peerKey?: PublicJwk | undefined;
    readonly hosting?: MemberRecord['hosting'];
  },
): void {
  const { nodeKey = found.nodeKey, peerKey = found.peerKey, hosting = found.hosting } = keys;
  const kept = new Set([nodeKey, peerKey].map(jwkThumbprint));
  for (const old of [found.nodeKey, found.peerKey].map(jwkThumbprint)) {
    if (!kept.has(old)) context.put('retired-key', old, { member: found.id });
  }
  context.put('member', found.id, { ...found, nodeKey, peerKey, hosting });
  // Others learn the keys of members at the start of an epoch, those of members without a vote too.
  endEpoch(context);
}

/** Says where a member's node is reached (null: nowhere that the ledger knows of); false where that is known. */
export function setEndpoint(context: Writer, member: string, endpoint: string | null): boolean {
  const { endpoint: before, ...found } = context.get('member', member)!;
  if ((before ?? null) === endpoint) return false;
  context.put('member', member, endpoint === null ? found : { ...found, endpoint });
  endEpoch(context);
  return true;
}

function membershipChanged(context: Writer): void {
  const members = allMembers(context).flatMap(({ id, active }) => (active ? [id] : []));
  context.put('membership', CURRENT, { members });
}

function setContract(
  context: Writer,
  name: string,
  code: { readonly version: number; readonly codeHash: string } | null,
): void {
  const epoch = currentEpoch(context);
  const active = effectiveContract(context.get('contract', name), epoch) ?? null;
  context.put('contract', name, { active, next: { code, fromEpoch: epoch + 1 } });
  endEpoch(context);
}

/** Makes the block that this runs in its epoch's last. */
export function endEpoch(context: Writer): void {
  const current = currentEpoch(context);
  context.put('epoch', CURRENT, { current, next: current + 1 });
}

const validatorCount = (members: readonly { validator: boolean }[]): number =>
  members.filter(({ validator }) => validator).length;

const isKeyOf = (
  members: readonly { readonly nodeKey: PublicJwk; readonly peerKey: PublicJwk }[],
  keyId: string,
): boolean =>
  members.some(
    ({ nodeKey, peerKey }) => jwkThumbprint(nodeKey) === keyId || jwkThumbprint(peerKey) === keyId,
  );
