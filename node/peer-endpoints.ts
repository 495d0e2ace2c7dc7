/**
 * Where the other members' nodes are: as the configuration says (read again at each epoch), or else as
 * the ledger says, or else behind the consortium's gateway, as hosted ones are.
 */
import type { Logger } from 'pino';
import { peerDoor } from '../shared/api/node-api.ts';
import { loadJson, type NodeConfig, NodeConfigSchema } from './config.ts';
import type { MemberDirectory } from './ledger-members.ts';

/** Endpoints that can be told anew by editing the file: a joiner needs no restart of the others. */
export function peerEndpoints(
  configFile: string,
  { peers: initial, gateway }: Pick<NodeConfig, 'peers' | 'gateway'>,
  consortium: string,
) {
  let peers = initial;
  let onLedger: MemberDirectory = () => undefined;
  return {
    of: (member: string): string | undefined =>
      peers[member] ??
      onLedger(member)?.endpoint ??
      (gateway && `${gateway}${peerDoor(consortium, member)}`),
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
