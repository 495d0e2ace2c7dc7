/**
 * Where the other members' nodes are: as the configuration says (read again at each epoch), or else as
 * the ledger says, or else behind the consortium's gateway, as hosted ones are. Of one's own member it is the other node: the one
 * that it leaves, or left, while this one takes its place.
 */
import type { Logger } from 'pino';
import { peerDoor } from '../shared/api/node-api.ts';
import type { PublicJwk } from '../shared/bytes/crypto.ts';
import { loadJson, type NodeConfig, NodeConfigSchema } from './config.ts';
import { type MemberDirectory, otherNodeOf } from './ledger-members.ts';

/** Endpoints that can be told anew by editing the file: a joiner needs no restart of the others. */
export function peerEndpoints(
  configFile: string,
  { member: own, peers: initial, gateway }: Pick<NodeConfig, 'member' | 'peers' | 'gateway'>,
  consortium: string,
  holds: (nodeKey: PublicJwk) => boolean,
) {
  let peers = initial;
  let onLedger: MemberDirectory = () => undefined;
  const door = (member: string): string | undefined =>
    gateway && `${gateway}${peerDoor(consortium, member)}`;
  const formerNode = (): string | undefined => {
    const place = otherNodeOf(onLedger(own), holds);
    return place && (place.endpoint ?? peers[own] ?? door(own));
  };
  return {
    of: (member: string): string | undefined =>
      member === own ? formerNode() : (peers[member] ?? onLedger(member)?.endpoint ?? door(member)),
    /** From now on the ledger is asked, too. */
    follow(members: MemberDirectory): void {
      onLedger = members;
    },
    reload(log: Logger): void {
      try {
        ({ peers } = loadJson(configFile, NodeConfigSchema, 'node configuration'));
      } catch (error) {
        // A file that is being edited must not stop a node that runs.
        log.warn({ err: error }, 'the configuration was not read again: the old endpoints stay');
      }
    },
  };
}
