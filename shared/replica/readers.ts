/** Who reads the confidential fields of a call: as its contract declares them, and as the final state has the members. */
import { decodeCbor } from '../bytes/cbor.ts';
import type { PublicJwk } from '../bytes/crypto.ts';
import { confidentialFields } from '../contract/confidential.ts';
import type { Contract, TransactionDefinition } from '../contract/define.ts';
import {
  type ContractRecord,
  effectiveContract,
  type MemberRecord,
  type RosterRecord,
  SYSTEM_KEYS,
  VAULT_IDENTITY,
} from '../contract/system-records.ts';
import { decodeValue } from '../execution/decoded-values.ts';
import { prefixRange } from '../execution/view.ts';
import type { Arguments } from '../ledger/disclosure.ts';
import { keyRecord } from './key-record.ts';
import { Snapshot } from './query.ts';
import type { Replica } from './replica.ts';

const MEMBERS_MAX = 4096;

/** By name, as read in an epoch: what is in force changes at the start of one only. */
const inForce = new WeakMap<Replica, { epoch: number; contracts: Map<string, Contract> }>();

/** The contract that is in force, where this node has its code. */
export async function contractNow(replica: Replica, name: string): Promise<Contract | undefined> {
  const { epoch } = replica.epoch.set;
  let known = inForce.get(replica);
  if (known?.epoch !== epoch) {
    known = { epoch, contracts: new Map() };
    inForce.set(replica, known);
  }
  const found = known.contracts.get(name);
  if (found) return found;
  const stored = await replica.final.read(SYSTEM_KEYS.contract(name));
  if (!stored) return undefined;
  const record = decodeValue(stored) as unknown as ContractRecord;
  const code = effectiveContract(record, epoch);
  const contract = code && replica.catalog.find(name, code.version, code.codeHash);
  if (contract) known.contracts.set(name, contract);
  return contract;
}

/** What a method of a contract that is in force is; undefined where there is none. */
export async function definitionNow(
  replica: Replica,
  contract: string,
  method: string,
): Promise<TransactionDefinition | undefined> {
  const transactions = (await contractNow(replica, contract))?.transactions ?? {};
  return Object.hasOwn(transactions, method) ? transactions[method] : undefined;
}

/**
 * The confidential fields among `args` that each other member reads. `args` are those of the call, or as much of them
 * as is known: who reads a field may be named by another one.
 */
export async function readersOf(
  replica: Replica,
  contract: string,
  input: TransactionDefinition['input'],
  args: Arguments,
): Promise<Map<string, string[]>> {
  const members = await activeMembers(replica);
  const readers = new Map<string, string[]>();
  for (const [field, { parties = [], roles = [] }] of confidentialFields(input)) {
    if (args[field] === undefined) continue;
    const named = parties.map((party) => args[party]);
    const held = roles.map((role) => `${contract}.${role}`);
    for (const { id, roles: own } of members) {
      const reads = named.includes(id) || held.some((role) => own.includes(role));
      if (reads) readers.set(id, [...(readers.get(id) ?? []), field]);
    }
  }
  return readers;
}

/** As read at a head: each confidential call asks for them several times. */
const belonging = new WeakMap<
  Replica,
  { readonly head: string; readonly members: Promise<readonly MemberRecord[]> }
>();

/** The members that belong now. */
export function activeMembers(replica: Replica): Promise<readonly MemberRecord[]> {
  const { id: head } = replica.head;
  const known = belonging.get(replica);
  if (known?.head === head) return known.members;
  const members = readMembers(replica);
  belonging.set(replica, { head, members });
  // What failed is tried again.
  members.catch(() => belonging.delete(replica));
  return members;
}

async function readMembers(replica: Replica): Promise<readonly MemberRecord[]> {
  const snapshot = new Snapshot(replica, replica.head.header.height!);
  const entries = await snapshot.range(prefixRange(SYSTEM_KEYS.members, MEMBERS_MAX));
  return entries
    .map(({ value }) => decodeCbor(value) as unknown as MemberRecord)
    .filter(({ active }) => active);
}

/** What the ledger says of a member, also of one that was removed. */
export async function memberRecord(
  replica: Replica,
  member: string,
): Promise<MemberRecord | undefined> {
  const stored = await replica.final.read(SYSTEM_KEYS.member(member));
  return stored ? (decodeValue(stored) as unknown as MemberRecord) : undefined;
}

/** The contract roles that a member's identities may hold; none of one that does not belong. */
export async function rolesOf(replica: Replica, member: string): Promise<readonly string[]> {
  const record = await memberRecord(replica, member);
  return record?.active ? record.roles : [];
}

/** The public half of a member's vault key; undefined where it has registered none. */
export async function vaultKeyOfMember(
  replica: Replica,
  member: string,
): Promise<PublicJwk | undefined> {
  const keyId = await registeredKey(replica, member, VAULT_IDENTITY);
  const key = keyId === undefined ? undefined : await keyRecord(replica, keyId);
  return key?.active ? key.jwk : undefined;
}

/** The thumbprint of the key that a member's identity of that name has; undefined where it has none. */
export async function registeredKey(
  replica: Replica,
  member: string,
  name: string,
): Promise<string | undefined> {
  const stored = await replica.final.read(SYSTEM_KEYS.roster(member));
  const roster = stored && (decodeValue(stored) as unknown as RosterRecord);
  return roster?.identities[name]?.keyId;
}
