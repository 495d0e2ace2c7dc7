/**
 * How far an import came, in a file beside the source, so that an interrupted one goes on where it
 * stopped. Without it nothing is duplicated either; it only takes longer. The files of refusals and
 * credit notes are cut back to what the progress covers.
 */
import {
  appendFileSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { z } from 'zod';

const sums = z.record(z.string(), z.int());

const CountsSchema = z.strictObject({
  read: z.int(),
  invoices: z.int(),
  reversals: z.int(),
  creditNotes: z.int(),
  reimbursed: z.int(),
  refused: z.int(),
  /** Documents that an earlier run had written. */
  found: z.int(),
  transactions: z.int(),
  /** Gross on the ledger by currency: invoices, less reversals and credit notes. */
  totalMinor: sums,
  /** Gross of what was refused, by currency. */
  refusedMinor: sums,
});
/** What an import did, all its runs together. */
export type ImportCounts = z.infer<typeof CountsSchema>;

const ProgressSchema = z.strictObject({
  format: z.literal('fuqi-import-1'),
  /** What the progress is about: the source's digest, the consortium and the seller. */
  of: z.string(),
  phase: z.enum(['issue', 'reimburse']),
  /** Records from the start that are done. */
  done: z.int(),
  counts: CountsSchema,
  /** Length of the files of refusals and credit notes. */
  bytes: z.strictObject({ refused: z.int(), creditNotes: z.int() }),
});
export type ImportProgress = z.infer<typeof ProgressSchema>;

export const newProgress = (of: string): ImportProgress => ({
  format: 'fuqi-import-1',
  of,
  phase: 'issue',
  done: 0,
  counts: {
    read: 0,
    invoices: 0,
    reversals: 0,
    creditNotes: 0,
    reimbursed: 0,
    refused: 0,
    found: 0,
    transactions: 0,
    totalMinor: {},
    refusedMinor: {},
  },
  bytes: { refused: 0, creditNotes: 0 },
});

/** The progress stored at a path, if there is one about this; a damaged file counts as none. */
export function loadProgress(path: string, of: string): ImportProgress | undefined {
  try {
    const parsed = ProgressSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    return parsed.success && parsed.data.of === of ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Stores progress in one step: the file is the old or the new one, never half. */
export function saveProgress(path: string, progress: ImportProgress): void {
  writeFileSync(`${path}.draft`, `${JSON.stringify(progress)}\n`);
  renameSync(`${path}.draft`, path);
}

export const removeProgress = (path: string): void => rmSync(path, { force: true });

/** A file of JSON lines that grows; it exists only where it holds something. */
export interface LineFile {
  readonly path: string;
  readonly bytes: number;
  append(value: object): void;
}

/** Goes on after the first `bytes` of a file, or begins it anew with 0. */
export function lineFile(path: string, bytes: number): LineFile {
  if (bytes === 0) rmSync(path, { force: true });
  else truncateSync(path, bytes);
  let length = bytes;
  return {
    path,
    get bytes() {
      return length;
    },
    append(value) {
      const line = Buffer.from(`${JSON.stringify(value)}\n`);
      appendFileSync(path, line);
      length += line.length;
    },
  };
}
