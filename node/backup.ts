/**
 * Backs up a node's store while it runs: LMDB gives a second, read-only process one consistent snapshot
 * of the data file, whatever the node writes meanwhile. Holds no key of any kind.
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { ledgerId } from '../shared/ledger/genesis.ts';
import { decodeHead } from '../shared/replica/head.ts';
import { describeFile, MANIFEST, type Manifest } from './backup-manifest.ts';
import { copyEnvironment } from './lmdb/copy.ts';
import { lmdbStores } from './lmdb/stores.ts';
import { loadGenesis, type NodeFiles } from './node-files.ts';
import { UserError } from './user-error.ts';

/** Makes the folder `to` with the backup, whole or not at all, and answers its manifest. */
export async function backUp(node: NodeFiles, to: string, now: Date): Promise<Manifest> {
  if (existsSync(to))
    throw new UserError(`${to} exists already: name a new folder for the backup.`);
  if (!existsSync(path.join(node.data, 'data.mdb'))) {
    throw new UserError(
      `The data folder ${node.data} holds no store: this node was never started.`,
    );
  }
  const draft = `${to}.partial`;
  try {
    rmSync(draft, { recursive: true, force: true });
    mkdirSync(draft, { recursive: true, mode: 0o700 });
    await copyEnvironment(node.data, draft);
    copyFileSync(node.genesisFile, path.join(draft, 'genesis.json'));
    const manifest = await describe(node, draft, now);
    writeFileSync(path.join(draft, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
    for (const name of [...Object.keys(manifest.files), MANIFEST]) sync(path.join(draft, name));
    renameSync(draft, to);
    return manifest;
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (error instanceof UserError) throw error;
    throw new UserError(`The backup of ${node.data} failed: ${(error as Error).message}`);
  }
}

async function describe({ config }: NodeFiles, draft: string, now: Date): Promise<Manifest> {
  const ledger = ledgerId(loadGenesis(path.join(draft, 'genesis.json')));
  const { backupDays } = config;
  const stores = lmdbStores(draft);
  const stored = await stores.heads.read('head').finally(() => stores.close());
  rmSync(path.join(draft, 'lock.mdb'), { force: true });
  if (!stored) throw new UserError('The store holds no ledger yet: this node was never started.');
  const { id, header, epoch } = decodeHead(stored.bytes);
  if (header.ledger !== ledger) {
    throw new UserError(
      `The store holds ledger ${header.ledger}, the genesis document is ledger ${ledger}.`,
    );
  }
  return {
    format: 'fuqi-backup-1',
    ledger,
    member: config.member,
    height: header.height!,
    head: id,
    headTime: new Date(header.time).toISOString(),
    epoch,
    taken: now.toISOString(),
    ...(backupDays !== undefined && { deleteBy: later(now, backupDays).toISOString() }),
    files: {
      'data.mdb': await describeFile(path.join(draft, 'data.mdb')),
      'genesis.json': await describeFile(path.join(draft, 'genesis.json')),
    },
  };
}

const later = (time: Date, days: number): Date => new Date(time.getTime() + days * 86_400_000);

function sync(file: string): void {
  const handle = openSync(file, 'r+');
  fsyncSync(handle);
  closeSync(handle);
}
