#!/usr/bin/env -S MALLOC_ARENA_MAX=2 node --max-semi-space-size=16 --heap-growing-percent=150
/** The command line. Every command has `--json`: one JSON document on standard output, nothing else. */
import { Command } from 'commander';
import { registerAttach } from './cli/attach.ts';
import { registerBackup } from './cli/backup.ts';
import { registerDisclose } from './cli/disclose.ts';
import { registerExport } from './cli/export.ts';
import { registerGovern } from './cli/govern.ts';
import { registerHoldings } from './cli/holdings.ts';
import { registerImport } from './cli/import.ts';
import { registerJoin } from './cli/join.ts';
import { registerNodeStart } from './cli/node-start.ts';
import { registerKeys, registerReading, registerTransactions } from './cli/read.ts';
import { registerRecover } from './cli/recover.ts';
import { registerReimburse } from './cli/reimburse.ts';
import { registerRotateVault } from './cli/rotate-vault.ts';
import { registerStart } from './cli/start.ts';
import { registerUp } from './cli/up.ts';
import { registerVerify } from './cli/verify.ts';
import { registerVouchers } from './cli/vouchers.ts';
import { registerWatch } from './cli/watch.ts';
import { registerWechatPay } from './cli/wechat-pay.ts';
import { UserError } from './user-error.ts';

const program = new Command('fuqi')
  .description('A ledger for consortia whose members don’t trust each other. 符契')
  .option('--json', 'one JSON document on standard output')
  .option('--url <url>', 'the gateway (or FUQI_URL; default: the consortium on this machine)')
  .option('--key <key>', 'an API key (or FUQI_API_KEY)')
  .option('--as <member/identity>', 'the demo’s API key of this identity')
  .option('--consortium <name>', 'its name', 'demo')
  .option('--home <folder>', 'where consortia on this machine are kept', '.fuqi')
  .showHelpAfterError();

registerStart(program);
registerUp(program);
registerNodeStart(program);
registerImport(program);
registerTransactions(program);
registerReading(program);
registerVerify(program);
registerDisclose(program);
registerAttach(program);
registerRecover(program);
registerKeys(program);
registerGovern(program);
registerHoldings(program);
registerRotateVault(program);
registerJoin(program);
registerExport(program);
registerBackup(program);
registerWechatPay(program);
registerReimburse(program);
registerWatch(program);
registerVouchers(program);
// Global options may stand anywhere on the line.
for (const command of program.commands) addGlobals(command);

function addGlobals(command: Command): void {
  for (const option of program.options) {
    if (!command.options.some(({ long }) => long === option.long)) command.addOption(option);
  }
  for (const child of command.commands) addGlobals(child);
}

// A reader that has seen enough (`| head`) or a terminal that was closed is no fault of a command.
const CLOSED = ['EPIPE', 'EIO'];
// Where a log's disk is full nobody can be told; a node goes on, also where a library says something.
const FULL = ['ENOSPC', 'EFBIG', 'EDQUOT'];
for (const [stream, codes] of [
  [process.stdout, CLOSED],
  [process.stderr, [...CLOSED, ...FULL]],
] as const) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (!codes.includes(error.code ?? '')) throw error;
  });
}

try {
  await program.parseAsync();
} catch (error) {
  const isJson = process.argv.includes('--json');
  const message = error instanceof Error ? error.message : String(error);
  if (isJson) process.stdout.write(`${JSON.stringify({ error: message })}\n`);
  else process.stderr.write(`${message}\n`);
  // A stack helps nobody who can mend it by a setting; anything else is ours to mend.
  if (!(error instanceof UserError) && process.env.FUQI_DEBUG) console.error(error);
  process.exit(process.exitCode && process.exitCode !== 0 ? process.exitCode : 1);
}
