/** `fuqi backup` and `fuqi restore`: a node's store, not its keys. */
import path from 'node:path';
import type { Command } from 'commander';
import { backUp } from '../backup.ts';
import type { Manifest } from '../backup-manifest.ts';
import { nodeFiles } from '../node-files.ts';
import { type Restored, restore } from '../restore.ts';
import { globalOptions, say, show } from './command-context.ts';

interface RestoreFlags {
  readonly into: string;
  readonly full?: boolean;
  readonly acceptLoss?: boolean;
}

export function registerBackup(program: Command): void {
  program
    .command('backup')
    .description('back up a node’s store, also while the node runs; keys are not in it')
    .argument('<node>', 'the node’s folder, its data folder, or its configuration')
    .requiredOption('--to <folder>', 'a new folder for the backup')
    .action(async (node: string, { to }: { to: string }, command: Command) => {
      const folder = path.resolve(to);
      const manifest = await backUp(nodeFiles(node), folder, new Date());
      show(globalOptions(command), { folder, ...manifest }, backupText(folder, manifest));
    });
  program
    .command('restore')
    .description(
      'check a backup and restore it into an empty data folder; the node asks before it signs',
    )
    .argument('<backup>', 'the folder that "fuqi backup" made')
    .requiredOption('--into <node>', 'the node’s folder, its data folder, or its configuration')
    .option('--full', 're-verify every block and the whole state')
    .option('--accept-loss', 'of a ledger with one validator: what was committed since is lost')
    .action(async (backup: string, flags: RestoreFlags, command: Command) => {
      const options = globalOptions(command);
      const acceptLoss = flags.acceptLoss === true;
      if (acceptLoss) {
        say(options, 'WARNING: what this ledger committed after the backup will be lost.');
      }
      const node = nodeFiles(flags.into);
      const full = flags.full === true;
      const restored = await restore(path.resolve(backup), node, { full, acceptLoss });
      const { manifest, checked } = restored;
      const json = { data: node.data, taken: manifest.taken, ledger: manifest.ledger, ...checked };
      show(options, json, restoreText(node.data, restored, acceptLoss));
    });
}

function backupText(
  folder: string,
  { ledger, member, height, head, files, deleteBy }: Manifest,
): string {
  return [
    `Backed up ${member}'s node up to height ${height} (${files['data.mdb'].bytes} bytes): ${folder}`,
    `ledger ${ledger}`,
    `head   ${head}`,
    'Keys, API keys and the configuration are not in it: keep copies of those apart.',
    ...(deleteBy ? [`Delete it by ${deleteBy}: so the ledger says.`] : []),
  ].join('\n');
}

function restoreText(data: string, { manifest, checked }: Restored, acceptLoss: boolean): string {
  const { height, head, blocks, bodies, entries } = checked;
  const inFull = bodies === undefined ? '' : `, ${bodies} block bodies, ${entries} state entries`;
  const isOverdue = manifest.deleteBy !== undefined && Date.parse(manifest.deleteBy) < Date.now();
  return [
    ...(isOverdue
      ? [`WARNING: it should have been deleted by ${manifest.deleteBy}: so the ledger says.`]
      : []),
    `Restored ${data} to height ${height}, as of ${manifest.taken}.`,
    `head   ${head}`,
    `checked against ledger ${manifest.ledger}: the head's proof from genesis, ${blocks} block ids${inFull}`,
    acceptLoss
      ? 'What was committed after the backup is lost.'
      : 'When it is started the node catches up, asks the other validators what it may have signed, and votes again above that.',
  ].join('\n');
}
