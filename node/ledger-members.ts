/** What a node's process reads about members from its ledger: the keys of the others, and its own. */
import type { Logger } from 'pino';
import { decodeCbor } from '../shared/bytes/cbor.ts';
import { jwkThumbprint, type PublicJwk } from '../shared/bytes/crypto.ts';
import {
  type AwaitedRecord,
  type MemberRecord,
  SYSTEM_KEYS,
} from '../shared/contract/system-records.ts';
import { prefixRange } from '../shared/execution/view.ts';
import type { Replica } from '../shared/replica/replica.ts';

const RANGE = prefixRange(SYSTEM_KEYS.members, 4096);
const AWAITED = prefixRange(SYSTEM_KEYS.awaited(''), 1024);

/** The members as of the head, removed ones included. */
export async function memberRecords({ ports, head }: Replica): Promise<MemberRecord[]> {
  const entries = await ports.state.scan(RANGE, head.header.height!);
  return entries.map(({ value }) => decodeCbor(value) as unknown as MemberRecord);
}

/** Calls back when an epoch has started. */
export function onEpoch(replica: Replica, call: () => void): void {
  let { epoch } = replica.epoch.set;
  replica.commitListeners.add(() => {
    if (replica.epoch.set.epoch === epoch) return;
    epoch = replica.epoch.set.epoch;
    call();
  });
}

/** A member as its peers know it. */
export interface KnownMember extends MemberRecord {
  /** Its own peer key, and those of nodes that it moves to and that follow already. */
  readonly peerKeys: readonly PublicJwk[];
}

/** Finds an active member; undefined for anybody else. */
export type MemberDirectory = (member: string) => KnownMember | undefined;

/**
 * Where the other node of a node's own member is: the member's, where that is not this one; else the one before it. Undefined
 * where there is none.
 */
export function otherNodeOf(
  record: MemberRecord | undefined,
  holds: (nodeKey: PublicJwk) => boolean,
): MemberRecord['former'] {
  return record && holds(record.nodeKey) ? record.former : record;
}

/** The active members as of the head. */
export async function activeMembers(replica: Replica): Promise<MemberDirectory> {
  const [records, awaited] = await Promise.all([memberRecords(replica), awaitedNodes(replica)]);
  const byId = new Map(
    records
      .filter(({ active }) => active)
      .map((record): [string, KnownMember] => {
        const coming = awaited.flatMap(({ member, peerKey }) =>
          member === record.id && peerKey ? peerKey : [],
        );
        return [record.id, { ...record, peerKeys: [record.peerKey, ...coming] }];
      }),
  );
  return (member) => byId.get(member);
}

/** Nodes that an approved vote waits for. */
export async function awaitedNodes({ ports, head }: Replica): Promise<AwaitedRecord[]> {
  const entries = await ports.state.scan(AWAITED, head.header.height!);
  return entries.map(({ value }) => decodeCbor(value) as unknown as AwaitedRecord);
}

/** The active members, read again when an epoch starts, which is when their keys and endpoints change. */
export async function followMembers(replica: Replica): Promise<MemberDirectory> {
  let find = await activeMembers(replica);
  onEpoch(replica, () => {
    activeMembers(replica).then(
      (found) => {
        find = found;
      },
      (error: unknown) => replica.log('members-failed', { error: String(error) }),
    );
  });
  return (member) => find(member);
}

/**
 * Warns where a node has other keys than the ledger says. It still starts: a node that is behind, or
 * was given a new key, learns of the change only by following the others.
 */
export async function warnOfOtherKeys(
  replica: Replica,
  own: { readonly node: readonly PublicJwk[]; readonly peer: readonly PublicJwk[] },
  log: Logger,
): Promise<void> {
  const { member } = replica;
  const record = (await memberRecords(replica)).find(({ id }) => id === member);
  if (!record?.active) {
    log.warn({ member }, 'this member is not on the ledger, as far as this node has followed it');
    return;
  }
  for (const [name, keys, expected] of [
    ['node', own.node, record.nodeKey],
    ['peer', own.peer, record.peerKey],
  ] as const) {
    const [found, wanted] = [keys.map(jwkThumbprint), jwkThumbprint(expected)];
    if (found.includes(wanted)) continue;
    log.warn(
      { member, found, expected: wanted },
      `the ${name} key of this node is not the member’s on the ledger: the others won’t accept it`,
    );
  }
}
