/**
 * The state of block 0: what the genesis document says, as the records of the system contracts.
 */
import { toValue, type Value } from '../bytes/cbor.ts';
import { jwkThumbprint } from '../bytes/crypto.ts';
import type { Genesis } from '../ledger/genesis.ts';
import {
  type ContractRecord,
  type EpochRecord,
  type KeyRecord,
  type MemberRecord,
  NODE_IDENTITY,
  type RosterRecord,
  SYSTEM_KEYS,
} from './system-records.ts';

/**
 * The records that a ledger starts with, by full state key and in no particular order. Throws an
 * Error where a genesis document names a member, a key or a contract twice, or has no validator.
 */
export function genesisState(genesis: Genesis): [key: string, value: Value][] {
  const state = new Map<string, Value>();
  const add = (
    key: string,
    value: MemberRecord | KeyRecord | RosterRecord | ContractRecord | EpochRecord,
  ): void => {
    if (state.has(key)) throw new Error(`the genesis document defines ${key} twice`);
    state.set(key, toValue(value));
  };
  const nodeKeys = new Set<string>();
  // A ledger that keeps evidence lets each node report with its peer key, which holds no role.
  const keepsEvidence = genesis.contracts.some(({ name }) => name === 'evidence');
  for (const { identities: people, ...member } of genesis.members) {
    const node = { name: NODE_IDENTITY, key: member.peerKey, roles: [] };
    const identities = keepsEvidence ? [...people, node] : people;
    add(SYSTEM_KEYS.member(member.id), { ...member, active: true });
    nodeKeys.add(jwkThumbprint(member.nodeKey));
    const roster: RosterRecord['identities'] = {};
    for (const { name, key, roles } of identities) {
      const keyId = jwkThumbprint(key);
      add(SYSTEM_KEYS.key(keyId), { member: member.id, name, roles, jwk: key, active: true });
      if (Object.hasOwn(roster, name)) {
        throw new Error(`the genesis document names ${member.id}'s identity ${name} twice`);
      }
      roster[name] = { keyId, admin: roles.includes('admin') };
    }
    add(SYSTEM_KEYS.roster(member.id), { identities: roster });
  }
  if (nodeKeys.size < genesis.members.length) {
    throw new Error('the genesis document gives two members one node key');
  }
  if (!genesis.members.some((member) => member.validator)) {
    throw new Error('the genesis document names no validator');
  }
  for (const { name, version, codeHash } of genesis.contracts) {
    add(SYSTEM_KEYS.contract(name), { active: { version, codeHash }, next: null });
  }
  add(SYSTEM_KEYS.epoch, { current: 1, next: null });
  if (keepsEvidence) state.set(SYSTEM_KEYS.validators(1), firstValidators(genesis));
  state.set(SYSTEM_KEYS.parameters, toValue(genesis.parameters));
  return [...state];
}

const firstValidators = ({ members }: Genesis): Value =>
  members
    .filter(({ validator }) => validator)
    .map(({ id, nodeKey }) => [id, nodeKey.x, nodeKey.y])
    .sort(([a], [b]) => (a! < b! ? -1 : 1));
