/**
 * Restores a backup into a node's data folder: checks its hashes and what it proves, and gives the store
 * a new identity, so that the node asks the others before it signs. Touches no key.
 */
import { randomUUID } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { type Genesis, ledgerId } from '../shared/ledger/genesis.ts';
import { openReplica } from '../shared/replica/open.ts';
import { contracts } from '../workloads/catalog.ts';
import { checkFile, type Manifest, readManifest } from './backup-manifest.ts';
import { lmdbStores } from './lmdb/stores.ts';
import { loadGenesis, type NodeFiles } from './node-files.ts';
import type { NodeStores } from './node-stores.ts';
import { countValidators } from './sole-validator.ts';
import { writeIdentity } from './store-identity.ts';
import { UserError } from './user-error.ts';
import { type Checked, verifyStore } from './verify-store.ts';

export interface RestoreOptions {
  /** Re-verifies every block body and the whole state, not only what the head's proof covers. */
  readonly full: boolean;
  /** For a ledger with one validator: what was committed since the backup is given up. */
  readonly acceptLoss: boolean;
}

export interface Restored {
  readonly manifest: Manifest;
  readonly checked: Checked;
}

/** Restores into a data folder that is empty or missing; nothing is left behind on failure. */
export async function restore(
  backup: string,
  node: NodeFiles,
  options: RestoreOptions,
): Promise<Restored> {
  const manifest = readManifest(backup);
  refuseOtherNode(manifest, node);
  refuseUsed(node.data);
  const genesisFile = path.join(backup, 'genesis.json');
  await checkFile(genesisFile, 'genesis.json', manifest);
  const genesis = loadGenesis(genesisFile);
  const staging = `${node.data}.restoring`;
  const identity = randomUUID();
  try {
    rmSync(staging, { recursive: true, force: true });
    mkdirSync(staging, { recursive: true, mode: 0o700 });
    const copy = path.join(staging, 'data.mdb');
    if (existsSync(path.join(backup, 'data.mdb')))
      copyFileSync(path.join(backup, 'data.mdb'), copy);
    // The copy is what will be used, so the copy is what is checked.
    await checkFile(copy, 'data.mdb', manifest);
    const stores = lmdbStores(staging);
    const checked = await check(stores, genesis, manifest, identity, options).finally(() =>
      stores.close(),
    );
    // A crash in between leaves an empty folder of a restored store, which is what it is.
    writeIdentity(node.storeIdentity, identity, options.acceptLoss ? 'accepted' : 'restored');
    if (existsSync(node.data)) rmdirSync(node.data);
    renameSync(staging, node.data);
    return { manifest, checked };
  } catch (error) {
    rmSync(staging, { recursive: true, force: true });
    if (error instanceof UserError) throw error;
    throw new UserError(`The backup ${backup} can't be restored: ${(error as Error).message}`);
  }
}

function refuseOtherNode({ ledger, member }: Manifest, { config, genesisFile }: NodeFiles): void {
  const own = ledgerId(loadGenesis(genesisFile));
  if (ledger !== own) {
    throw new UserError(`The backup is of ledger ${ledger}, this node's ledger is ${own}.`);
  }
  if (member !== config.member) {
    throw new UserError(
      `The backup is of ${member}'s node, this is ${config.member}'s: a node without a store of its own ` +
        'catches up from the others.',
    );
  }
}

function refuseUsed(data: string): void {
  if (!existsSync(data) || readdirSync(data).length === 0) return;
  throw new UserError(
    `The data folder ${data} is not empty: stop the node and move the folder away first.`,
  );
}

async function check(
  stores: NodeStores,
  genesis: Genesis,
  manifest: Manifest,
  identity: string,
  { full, acceptLoss }: RestoreOptions,
): Promise<Checked> {
  const isSole = (await countValidators(stores, genesis)) === 1;
  if (isSole && !acceptLoss) {
    throw new UserError(
      'The ledger in this backup has one validator, so nobody can tell what was committed since: that is ' +
        'lost, and receipts of it are contradicted by what is committed next. If you accept that, add --accept-loss.',
    );
  }
  if (acceptLoss && !isSole) {
    throw new UserError(
      '--accept-loss is for a ledger with one validator; here the others are asked, and nothing is lost.',
    );
  }
  // Opening marks the store's own record as restored, whatever identity file it meets later.
  const replica = await openReplica({
    genesis,
    member: manifest.member,
    catalog: contracts,
    ports: { ...stores, signer: NO_SIGNER, peers: NO_PEERS, time: NO_TIME },
    store: identity,
    restored: true,
    log: () => {},
  });
  replica.stopped = true;
  return verifyStore(replica, full, manifest);
}

const NO_SIGNER = {
  holds: () => false,
  sign: async (): Promise<never> => {
    throw new Error('a restore signs nothing');
  },
} as const;
const NO_PEERS = {
  request: async (): Promise<never> => {
    throw new Error('a restore asks nobody');
  },
};
const NO_TIME = { now: () => Date.now(), alarm: () => {}, after: () => () => {} };
