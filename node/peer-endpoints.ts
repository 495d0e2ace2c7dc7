/** Where the other members' nodes are: the `peers` of the configuration, read again at each epoch. */
import type { Logger } from 'pino';
import { loadJson, type NodeConfig, NodeConfigSchema } from './config.ts';

/** Endpoints that can be told anew by editing the file: a joiner needs no restart of the others. */
export function peerEndpoints(configFile: string, initial: NodeConfig['peers']) {
  let peers = initial;
  return {
    of: (member: string): string | undefined => peers[member],
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
