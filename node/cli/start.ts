/** `fuqi start` (npm start): up, import, say what happened, keep serving until Ctrl-C. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { call, type Target } from '../gateway-call.ts';
import { DEFAULT_PORT } from '../local-layout.ts';
import { stopProcesses } from '../local-processes.ts';
import { PACKAGE } from '../program.ts';
import { UserError } from '../user-error.ts';
import {
  type GlobalOptions,
  globalOptions,
  keyRingOf,
  layoutOf,
  say,
  show,
  targetOf,
  untilStopped,
} from './command-context.ts';
import { FLOWS, type Flow, reportText, runImport } from './import.ts';
import { bringUp, portOf } from './up.ts';
import { verifyProof } from './verify.ts';

const EXAMPLE = path.join(PACKAGE, 'examples/corner-shop-week.jsonl');

interface StartOptions {
  readonly input?: string;
  readonly mapping?: string;
  readonly once?: boolean;
  readonly flow?: Flow;
  readonly port: string;
}

export function registerStart(program: Command): void {
  program
    .command('start')
    .description('start the consortium, import the example or a file, and keep serving')
    .option('--input <file>', 'your invoices: JSON lines, CSV or UBL XML')
    .option('--mapping <file>', 'column mapping of a CSV, or a preset’s name')
    .option('--flow <flow>', `how far: ${FLOWS.join(', ')}`)
    .option('--once', 'end after the job, for scripts')
    .option(
      '--port <number>',
      'the gateway’s port; the nodes take those after it',
      String(DEFAULT_PORT),
    )
    .action((given: StartOptions, command: Command) => start(globalOptions(command), given));
}

async function start(options: GlobalOptions, given: StartOptions): Promise<void> {
  // npm hands a Ctrl-C on, so that it comes twice.
  const stopped = untilStopped({ patient: true });
  const abort = new AbortController();
  void stopped.then(() => abort.abort());
  const layout = layoutOf(options);
  await bringUp(options, portOf(given.port));
  try {
    const summary = await job(options, given, abort.signal);
    show(options, summary.json, summary.text);
    if (!given.once && !abort.signal.aborted) {
      say(
        options,
        '\nServing. Ctrl-C stops everything; the next start goes on from the stored chain.',
      );
      await stopped;
    }
  } finally {
    const count = await stopProcesses(layout);
    say(options, `Stopped ${count} processes.`);
  }
  process.exit();
}

async function job(options: GlobalOptions, given: StartOptions, signal: AbortSignal) {
  const file = given.input ?? copyOfExample(options);
  // The example marks what an employee claims; of other files everything is claimed unless told.
  const flow = given.flow ?? (given.input === undefined ? 'marked' : 'full');
  if (!FLOWS.includes(flow)) throw new UserError(`--flow takes one of ${FLOWS.join(', ')}.`);
  say(
    options,
    `Importing ${file} (payment → issue${flow === 'issue' ? '' : ' → claim → approve → credited'}).`,
  );
  const { mapping } = given;
  const report = await runImport(options, { file, mapping, flow, concurrency: 32, signal });
  if (report.isInterrupted) {
    process.exitCode = 130;
    const text = `\n${reportText(report)}\n\nInterrupted: the next start goes on from here.`;
    return { json: { report }, text };
  }
  const target = targetOf(options);
  const head = (await call(target, '/blocks/head')) as {
    height: number;
    id: string;
    header: { stateRoot: string };
  };
  const receipt = await saveReceipt(options);
  const { ledger } = (await call(target, '')) as { ledger: string };
  if (receipt.verdict !== 'VALID') process.exitCode = 1;
  const ring = keyRingOf(options)!;
  const base = `${ring.url}/v1/consortia/${ring.consortium}`;
  const seller = Object.keys(ring.keys).find((name) => name.endsWith('/seller'));
  const keyLine = `KEY=$(node -p "JSON.parse(require('fs').readFileSync('${layoutOf(options).keyRing}')).keys['${seller}']")`;
  const text = [
    '',
    reportText(report),
    '',
    `ledger ${ledger}`,
    `stands at height ${head.height}, block ${head.id}`,
    `state root ${head.header.stateRoot}`,
    `receipt ${receipt.file}: ${receipt.verdict}; check it yourself, offline:`,
    `  npx fuqi verify ${receipt.file} --ledger ${ledger}`,
    '',
    `API  ${ring.url}    docs  ${ring.url}/docs    keys  ${layoutOf(options).keyRing}`,
    `  curl -s ${base}`,
    `  curl -s '${base}/blocks?limit=2'`,
    `  ${keyLine}`,
    `  curl -s -H "Authorization: Bearer $KEY" ${base}/totals`,
  ].join('\n');
  return { json: { report, ledger, head, receipt }, text };
}

/** Progress and refusals are written beside a file, so the example is imported from a copy. */
function copyOfExample(options: GlobalOptions): string {
  const folder = path.join(layoutOf(options).folder, 'import');
  mkdirSync(folder, { recursive: true });
  const copy = path.join(folder, path.basename(EXAMPLE));
  writeFileSync(copy, readFileSync(EXAMPLE));
  return path.relative(process.cwd(), copy);
}

/** The newest committed transaction. Blocks hold refused ones too, with the reason. */
async function newestCommitted(target: Target): Promise<string> {
  for (let cursor = ''; ; ) {
    const page = (await call(target, `/blocks?limit=50${cursor}`)) as {
      blocks: { transactions: string[] }[];
      next: string | null;
    };
    for (const id of page.blocks.flatMap(({ transactions }) => transactions.toReversed())) {
      const { status } = (await call(target, `/transactions/${id}`)) as { status: string };
      if (status === 'committed') return id;
    }
    if (page.next === null)
      throw new UserError('No transaction is on the ledger, so there is no receipt.');
    cursor = `&cursor=${encodeURIComponent(page.next)}`;
  }
}

/** The receipt of the newest committed transaction, saved and checked. */
async function saveReceipt(options: GlobalOptions): Promise<{ file: string; verdict: string }> {
  const target = targetOf(options);
  const id = await newestCommitted(target);
  const receipt = await call(target, `/transactions/${id}/receipt`);
  const { receipts } = layoutOf(options);
  mkdirSync(receipts, { recursive: true });
  const file = path.relative(process.cwd(), path.join(receipts, `${id.slice(0, 16)}.json`));
  writeFileSync(file, `${JSON.stringify(receipt, null, 2)}\n`);
  const { ledger } = (await call(target, '')) as { ledger: string };
  return { file, verdict: verifyProof(receipt, ledger).verdict };
}
