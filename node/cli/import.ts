/** `fuqi import invoices`: a file of invoices through the gateway. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Command, Option } from 'commander';
import { confidentialWriters } from '../../workloads/einvoice/import/confidential-writers.ts';
import { SECRET_BYTES } from '../../workloads/einvoice/import/derived-ids.ts';
import { GatewayFault } from '../../workloads/invoice/import/gateway-client.ts';
import {
  type ImportReport,
  importInvoices,
} from '../../workloads/invoice/import/import-invoices.ts';
import type { ImportKeys } from '../../workloads/invoice/import/ledger-access.ts';
import { openSource } from '../../workloads/invoice/import/open-source.ts';
import { progressBar } from '../../workloads/invoice/import/progress-bar.ts';
import { UserError } from '../user-error.ts';
import {
  type GlobalOptions,
  globalOptions,
  keyRingOf,
  layoutOf,
  show,
  targetOf,
} from './command-context.ts';

export const FLOWS = ['issue', 'marked', 'full'] as const;
export type Flow = (typeof FLOWS)[number];

export interface ImportCommand {
  readonly file: string;
  readonly mapping?: string | undefined;
  readonly flow: Flow;
  /** By the contract of confidential invoices. */
  readonly confidential?: boolean | undefined;
  readonly concurrency: number;
  readonly signal?: AbortSignal;
  /** Hears of each commit with its latency. */
  readonly onCommit?: (elapsedMs: number) => void;
}

/** Imports a file with the keys of the demo's key ring. */
export async function runImport(
  options: GlobalOptions,
  command: ImportCommand,
): Promise<ImportReport> {
  const { url, consortium } = targetOf(options);
  const bar = progressBar();
  try {
    const source = await openSource(
      command.file,
      command.mapping === undefined ? {} : { mapping: command.mapping },
    );
    return await importInvoices({
      source,
      gateway: {
        base: url,
        consortium,
        ...(command.onCommit === undefined ? {} : { onCommit: command.onCommit }),
      },
      keys: importKeys(options),
      ...(command.confidential && { writers: confidentialWriters(importSecret(options)) }),
      concurrency: command.concurrency,
      reimburse: { issue: 'none', marked: 'marked', full: 'all' }[command.flow] as 'none',
      ...(command.signal === undefined ? {} : { signal: command.signal }),
      ...(options.json ? {} : { onProgress: bar.onProgress }),
    });
  } catch (error) {
    if (error instanceof GatewayFault) throw new UserError(error.message);
    const { code, message } = error as NodeJS.ErrnoException;
    throw code === undefined
      ? error
      : new UserError(`${command.file} can't be imported: ${message}`);
  } finally {
    bar.stop();
  }
}

/**
 * What confidential imports of this consortium derive ids from: made once, and kept beside what else is here of it. Whoever
 * imports a file again without it is told that the payments are known by another id.
 */
function importSecret(options: GlobalOptions): Uint8Array {
  const file = path.join(layoutOf(options).folder, 'import.secret');
  if (!existsSync(file)) {
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, randomBytes(SECRET_BYTES), { mode: 0o600, flag: 'wx' });
  }
  const secret = readFileSync(file);
  if (secret.length >= SECRET_BYTES) return secret;
  throw new UserError(
    `${file} has fewer than ${SECRET_BYTES} bytes; it is no secret of an import.`,
  );
}

/** The four parts that an import plays, from the environment or the demo's key ring. */
function importKeys(options: GlobalOptions): ImportKeys {
  const ring = keyRingOf(options)?.keys ?? {};
  const find = (variable: string, identity: string): string | undefined =>
    process.env[variable] ??
    Object.entries(ring).find(([name]) => name.endsWith(`/${identity}`))?.[1];
  const platform = find('FUQI_PAYMENT_KEY', 'platform');
  const seller = find('FUQI_SELLER_KEY', 'seller');
  const employee = find('FUQI_EMPLOYEE_KEY', 'employee');
  const finance = find('FUQI_FINANCE_KEY', 'finance');
  if (!platform || !seller) {
    throw new UserError(
      'An import needs API keys of a payment platform and a seller: start the demo, or set ' +
        'FUQI_PAYMENT_KEY and FUQI_SELLER_KEY (and FUQI_EMPLOYEE_KEY, FUQI_FINANCE_KEY for claims).',
    );
  }
  return {
    'payment-platform': platform,
    seller,
    ...(employee === undefined ? {} : { employee }),
    ...(finance === undefined ? {} : { finance }),
  };
}

/** An amount in minor units as people write it; two decimals unless the currency has others. */
export const amountText = (currency: string, minor: number): string =>
  new Intl.NumberFormat('en', { style: 'currency', currency, currencyDisplay: 'code' }).format(
    minor / 10 ** fractionDigits(currency),
  );

const fractionDigits = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions()
    .maximumFractionDigits ?? 2;

/** What an import did, readable. */
export function reportText(report: ImportReport): string {
  const totals = Object.entries(report.totalMinor).map(([currency, minor]) =>
    amountText(currency, minor),
  );
  const seconds = report.elapsedMs / 1000;
  const rate = seconds > 0 ? report.transactions / seconds : 0;
  const lines = [
    `read ${report.read} documents: ${report.invoices} invoices, ${report.reversals} reversals, ` +
      `${report.creditNotes} credit notes, ${report.reimbursed} reimbursed, ${report.refused} refused` +
      `${report.found > 0 ? `, ${report.found} were there already` : ''}`,
    `total ${totals.length > 0 ? totals.join(', ') : '0'}`,
    `${report.transactions} transactions committed in ${seconds.toFixed(1)} s: ${rate.toFixed(0)} tx/s, ` +
      `latency p50 ${report.latencyMs.p50.toFixed(0)} ms, p99 ${report.latencyMs.p99.toFixed(0)} ms`,
  ];
  if (report.refusedFile)
    lines.push(`refused documents, with line and reason: ${report.refusedFile}`);
  if (report.creditNotesFile)
    lines.push(`cancellations without a partner here: ${report.creditNotesFile}`);
  return lines.join('\n');
}

export function registerImport(program: Command): void {
  program
    .command('import')
    .description('bring documents onto the ledger')
    .command('invoices')
    .description('JSON lines, CSV with a column mapping, or UBL 2.1 / EN 16931 XML')
    .argument('<file>')
    .option('--mapping <file>', 'column mapping of a CSV, or a preset’s name')
    .addOption(
      new Option('--flow <flow>', 'claim no invoice, those marked with a purpose, or all')
        .choices(FLOWS)
        .default('marked'),
    )
    .option('--confidential', 'by the contract of confidential invoices (einvoice)')
    .option('--concurrency <number>', 'documents under way at once', '32')
    .action(
      async (
        file: string,
        given: { mapping?: string; flow: Flow; confidential?: boolean; concurrency: string },
        command: Command,
      ) => {
        const options = globalOptions(command);
        const concurrency = Number(given.concurrency);
        if (!Number.isInteger(concurrency) || concurrency < 1) {
          throw new UserError(
            `--concurrency takes a whole number from 1, not "${given.concurrency}".`,
          );
        }
        const abort = new AbortController();
        process.once('SIGINT', () => abort.abort());
        const { mapping, flow, confidential } = given;
        const report = await runImport(options, {
          file,
          mapping,
          flow,
          confidential,
          concurrency,
          signal: abort.signal,
        });
        show(options, report, reportText(report));
        if (report.isInterrupted) process.exitCode = 130;
      },
    );
}
