/** A node that is stopped, as commands for its operator see it: its configuration, its files, its stores. */
import type { z } from 'zod';
import { type Genesis, GenesisSchema } from '../shared/ledger/genesis.ts';
import { besides, loadJson, type NodeConfig, NodeConfigSchema } from './config.ts';
import { readPassphrase } from './key-file.ts';
import { lmdbStores } from './lmdb/stores.ts';
import type { NodeStores } from './node-stores.ts';
import { UserError } from './user-error.ts';

export interface NodeFiles {
  readonly config: NodeConfig;
  readonly genesis: Genesis;
  /** A path of the configuration, from where this process is. */
  readonly at: (relative: string) => string;
}

/** Reads a node's configuration and its genesis document. */
export function nodeFiles(configFile: string): NodeFiles {
  const config = loadJson(configFile, NodeConfigSchema, 'node configuration');
  const at = (relative: string): string => besides(configFile, relative);
  const schema: z.ZodType<Genesis> = GenesisSchema;
  return { config, genesis: loadJson(at(config.genesis), schema, 'genesis document'), at };
}

/** The passphrase of a node's key files. */
export const nodePassphrase = ({ config, at }: NodeFiles): string =>
  readPassphrase({
    env: process.env,
    ...(config.passphraseFile === undefined ? {} : { file: at(config.passphraseFile) }),
  });

/** Uses the stores of a node that must not run; a fault becomes one sentence. */
export async function withStores<T>(
  { config, at }: NodeFiles,
  use: (stores: NodeStores) => Promise<T>,
): Promise<T> {
  let stores: NodeStores;
  try {
    stores = lmdbStores(at(config.data));
  } catch (error) {
    throw new UserError(`The node has to be stopped first: ${(error as Error).message}`);
  }
  try {
    return await use(stores);
  } catch (error) {
    throw error instanceof UserError ? error : new UserError((error as Error).message);
  } finally {
    await stores.close();
  }
}
