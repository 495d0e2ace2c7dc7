/**
 * Imports a file of invoices through a gateway: first every document (payment, invoice; reversals
 * and credit notes), then the reimbursement of those that an employee claims, because what was
 * claimed can't be returned any more. Promises that a run which is repeated or resumed writes nothing
 * twice, and holds in memory what cancellations are matched by, nothing else that grows.
 */
import { createHistogram } from 'node:perf_hooks';
import type { z } from 'zod';
import type { PurposeSchema } from '../records.ts';
import { type GatewayOptions, gatewayClient } from './gateway-client.ts';
import {
  type ImportCounts,
  type ImportProgress,
  lineFile,
  loadProgress,
  newProgress,
  removeProgress,
  saveProgress,
} from './import-progress.ts';
import { chains, inOrder } from './in-order.ts';
import { type ImportKeys, memberOf } from './ledger-access.ts';
import { type CancellationMatch, matchIndex } from './match-cancellations.ts';
import type { InvoiceSource } from './open-source.ts';
import type { SourceDocument, SourceRecord } from './source-record.ts';
import { publicWriters, type WritersOf } from './writers.ts';
import { refusedWhole, type Written } from './written.ts';

export interface ImportOptions {
  readonly source: InvoiceSource;
  readonly gateway: GatewayOptions;
  readonly keys: ImportKeys;
  /** The contract that it writes by; the public one unless told. */
  readonly writers?: WritersOf;
  /** Documents under way at once. */
  readonly concurrency?: number;
  /** Which invoices an employee claims: those marked with a purpose (the default), all, or none. */
  readonly reimburse?: 'marked' | 'all' | 'none';
  /** The purpose of a claim where the source names none. */
  readonly purpose?: z.infer<typeof PurposeSchema>;
  /**
   * Name of the employee key's identity. With it invoices are delivered to that person, who assigns
   * them to the employer; without it the employer holds them from the start.
   */
  readonly person?: string;
  /** Lines that cancellations can be matched with. */
  readonly matchLinesMax?: number;
  /** Stops reading and ends what is under way; the progress is kept. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { phase: string; bytes: number; of: number }) => void;
}

export interface ImportReport extends ImportCounts {
  readonly elapsedMs: number;
  /** From sending a transaction until it was final, in this run. */
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  /** Records that an earlier, interrupted run had done. */
  readonly resumedAt: number;
  /** Whether `signal` stopped it. */
  readonly isInterrupted: boolean;
  /** Lines that could no longer be matched because there were too many. */
  readonly linesGivenUp: number;
  /** Where refusals are listed, and cancellations that matched no invoice here; if there are any. */
  readonly refusedFile?: string;
  readonly creditNotesFile?: string;
}

/** Records after which progress is stored. */
const SAVE_EVERY = 50;

/** Runs an import. Throws a `GatewayFault` where the gateway, a key or the set-up stops it. */
export async function importInvoices(options: ImportOptions): Promise<ImportReport> {
  const { source, keys, concurrency = 32, reimburse = 'marked', signal } = options;
  const { writers: writersOf = publicWriters } = options;
  const started = performance.now();
  const latency = createHistogram();
  let transactions = 0;
  const client = gatewayClient({
    ...options.gateway,
    onCommit(elapsedMs) {
      transactions++;
      latency.record(Math.max(1, Math.round(elapsedMs * 1000)));
      options.gateway.onCommit?.(elapsedMs);
    },
  });
  const writers = writersOf(client, keys);
  const buyer = keys.employee === undefined ? undefined : memberOf('employee', keys.employee);
  const claims = (record: SourceDocument): boolean =>
    reimburse === 'all' || (reimburse === 'marked' && record.purpose !== undefined);

  const progressPath = `${source.path}.progress.json`;
  const into = writers.contract === 'invoice' ? '' : ` ${writers.contract}`;
  const of = `${source.digest} ${options.gateway.consortium} ${writers.seller}${into}`;
  let progress = loadProgress(progressPath, of) ?? newProgress(of);
  const resumedAt = progress.done;
  const refused = lineFile(`${source.path}.refused.jsonl`, progress.bytes.refused);
  const creditNotes = lineFile(`${source.path}.credit-notes.jsonl`, progress.bytes.creditNotes);
  const save = (): void => {
    const { counts } = progress;
    const bytes = { refused: refused.bytes, creditNotes: creditNotes.bytes };
    progress = {
      ...progress,
      bytes,
      counts: { ...counts, transactions: counts.transactions + transactions },
    };
    transactions = 0;
    saveProgress(progressPath, progress);
  };
  const settle = (written: Written | undefined, record: SourceRecord, index: number): void => {
    if (index < progress.done) return;
    const currency = record.kind === 'refused' ? undefined : record.document.currency;
    progress = settled(progress, written, currency);
    for (const refusal of written?.refusals ?? []) {
      const { kind, ...entry } = refusal;
      refused.append(entry);
    }
    if (written?.creditNote && record.kind !== 'refused') {
      const { line, reference } = record;
      creditNotes.append({ line, reference, currency, ...written.creditNote });
    }
    if (progress.done % SAVE_EVERY === 0) save();
  };

  const index = matchIndex(
    options.matchLinesMax === undefined ? {} : { linesMax: options.matchLinesMax },
  );
  const chain = chains();

  /** Cancellations are matched when they are read, in the file's order, and wait for their invoices. */
  async function issue(record: SourceRecord, at: number): Promise<Written | undefined> {
    if (record.kind === 'refused') return refusedWhole(record);
    if (record.kind === 'invoice') {
      index.add(record);
      if (at < progress.done) return undefined;
      const holder = claims(record) && options.person === undefined ? buyer : undefined;
      return chain(record.reference, () => writers.invoice(record, holder));
    }
    const match = index.match(record);
    // Those of an earlier run are looked at again: it tells its notes from those still to be written.
    return afterInvoices(record, match, () => writers.cancellation(record, match));
  }

  function afterInvoices<R>(
    { relatesTo }: SourceDocument,
    { reversals }: CancellationMatch,
    task: () => Promise<R>,
  ): Promise<R> {
    const references = new Set(relatesTo ? [relatesTo] : reversals.map((one) => one.reference));
    return [...references]
      .sort()
      .reduce<() => Promise<R>>((inner, name) => () => chain(name, inner), task)();
  }

  async function claim(record: SourceRecord, at: number): Promise<Written | undefined> {
    if (at < progress.done || record.kind !== 'invoice' || !claims(record)) return undefined;
    const { purpose = record.purpose ?? 'other', person } = options;
    const claimant = { purpose, ...(person === undefined ? {} : { person }) };
    return writers.reimbursement(record, claimant);
  }

  const run = async (task: typeof issue): Promise<void> => {
    let bytes = 0;
    const records = source.read((length) => {
      bytes += length;
      options.onProgress?.({ phase: progress.phase, bytes, of: source.bytes });
    });
    await inOrder(untilAborted(records, signal), concurrency, task, settle);
  };
  try {
    if (progress.phase === 'issue') {
      await run(issue);
      if (!signal?.aborted) progress = { ...progress, phase: 'reimburse', done: 0 };
    }
    if (!signal?.aborted && reimburse !== 'none') await run(claim);
  } finally {
    save();
  }
  if (!signal?.aborted) removeProgress(progressPath);
  return {
    ...progress.counts,
    elapsedMs: Math.round(performance.now() - started),
    latencyMs: { p50: latency.percentile(50) / 1000, p99: latency.percentile(99) / 1000 },
    resumedAt,
    isInterrupted: signal?.aborted === true,
    linesGivenUp: index.evicted,
    ...(refused.bytes > 0 ? { refusedFile: refused.path } : {}),
    ...(creditNotes.bytes > 0 ? { creditNotesFile: creditNotes.path } : {}),
  };
}

async function* untilAborted<T>(
  items: AsyncIterable<T>,
  signal: AbortSignal | undefined,
): AsyncGenerator<T> {
  for await (const item of items) {
    if (signal?.aborted) return;
    yield item;
  }
}

/** The progress after one more record. */
function settled(
  progress: ImportProgress,
  written: Written | undefined,
  currency: string | undefined,
): ImportProgress {
  const { counts, phase, done } = progress;
  const read = counts.read + (phase === 'issue' ? 1 : 0);
  if (!written) return { ...progress, done: done + 1, counts: { ...counts, read } };
  const { refusals } = written;
  const totalMinor = currency
    ? plus(counts.totalMinor, currency, written.minor)
    : counts.totalMinor;
  const refusedMinor = refusals.reduce(
    (sums, { amount }) => (amount ? plus(sums, amount.currency, amount.minor) : sums),
    counts.refusedMinor,
  );
  return {
    ...progress,
    done: done + 1,
    counts: {
      ...counts,
      read,
      invoices: counts.invoices + written.invoices,
      reversals: counts.reversals + written.reversals,
      creditNotes: counts.creditNotes + written.creditNotes,
      reimbursed: counts.reimbursed + written.reimbursed,
      refused: counts.refused + refusals.length,
      found: counts.found + (phase === 'issue' && written.isOld ? 1 : 0),
      totalMinor,
      refusedMinor,
    },
  };
}

const plus = (sums: Readonly<Record<string, number>>, key: string, by: number) => ({
  ...sums,
  [key]: (sums[key] ?? 0) + by,
});
