/** The files of a node on this machine, found from its configuration, its folder or its data folder. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { GenesisSchema } from '../shared/ledger/genesis.ts';
import { besides, loadJson, type NodeConfig, NodeConfigSchema } from './config.ts';
import { UserError } from './user-error.ts';

const CONFIG = 'config.json';

export interface NodeFiles {
  readonly config: NodeConfig;
  readonly data: string;
  readonly genesisFile: string;
  readonly storeIdentity: string;
}

/** Answers a node's files; throws a `UserError` where the path leads to none. */
export function nodeFiles(given: string): NodeFiles {
  const configFile = configOf(path.resolve(given));
  const config = loadJson(configFile, NodeConfigSchema, 'node configuration');
  const at = (relative: string): string => besides(configFile, relative);
  return {
    config,
    data: at(config.data),
    genesisFile: at(config.genesis),
    storeIdentity: at(config.storeIdentity),
  };
}

/** The genesis document of a node or a backup. */
export const loadGenesis = (file: string) => loadJson(file, GenesisSchema, 'genesis document');

function configOf(given: string): string {
  if (existsSync(given) && statSync(given).isFile()) return given;
  const own = path.join(given, CONFIG);
  if (existsSync(own)) return own;
  const beside = path.join(path.dirname(given), CONFIG);
  if (existsSync(beside)) {
    const { data } = loadJson(beside, NodeConfigSchema, 'node configuration');
    if (besides(beside, data) === given) return beside;
  }
  throw new UserError(
    `${given} is no node's folder: name the folder that holds its ${CONFIG}, its data folder, or the ` +
      'configuration file itself.',
  );
}
