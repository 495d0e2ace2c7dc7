/** The files of a node on this machine, found from its configuration, its folder or its data folder. */
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { type Genesis, GenesisSchema } from '../shared/ledger/genesis.ts';
import { besides, loadJson, type NodeConfig, NodeConfigSchema } from './config.ts';
import { readPassphrase } from './key-file.ts';
import { UserError } from './user-error.ts';

const CONFIG = 'config.json';

export interface NodeFiles {
  readonly config: NodeConfig;
  /** A path of the configuration, from where this process is. */
  readonly at: (relative: string) => string;
  readonly data: string;
  readonly genesisFile: string;
  readonly storeIdentity: string;
}

/** Answers a node's files; throws a `UserError` where the path leads to none. */
export function nodeFiles(given: string): NodeFiles {
  return filesOf(configOf(path.resolve(given)));
}

/** The files that a configuration file names. */
export function filesOf(configFile: string): NodeFiles {
  const config = loadJson(configFile, NodeConfigSchema, 'node configuration');
  const at = (relative: string): string => besides(configFile, relative);
  return {
    config,
    at,
    data: at(config.data),
    genesisFile: at(config.genesis),
    storeIdentity: at(config.storeIdentity),
  };
}

/** The passphrase of a node's key files. */
export const nodePassphrase = ({ config, at }: NodeFiles): string =>
  readPassphrase({
    env: process.env,
    ...(config.passphraseFile === undefined ? {} : { file: at(config.passphraseFile) }),
  });

/** The genesis document of a node or a backup. */
export const loadGenesis = (file: string): Genesis =>
  loadJson(file, GenesisSchema, 'genesis document');

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
