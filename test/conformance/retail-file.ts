/**
 * The retailer's file read anew, with nothing of the importer: what each document adds up to, in pence, by
 * exact arithmetic. It is what a ledger is held against.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { vectorsFolder } from './vectors.ts';

/** Ten days of the UCI Online Retail data set; it may be absent. */
export const RETAIL_FILE = path.join(
  vectorsFolder ?? '',
  'load',
  'online-retail-2010-12-01_10.csv',
);

/** Pence by the file's own document number, and in all. */
export function retailTotals(file: string): {
  readonly documents: ReadonlyMap<string, number>;
  readonly total: number;
} {
  const [header, ...rows] = records(readFileSync(file, 'latin1'));
  const column = (name: string): number => header!.indexOf(name);
  const [reference, quantity, price] = ['InvoiceNo', 'Quantity', 'UnitPrice'].map(column);
  // In tenths of a penny and finer: whole numbers until all is added up.
  const sums = new Map<string, bigint>();
  for (const row of rows) {
    const sum = sums.get(row[reference!]!) ?? 0n;
    sums.set(row[reference!]!, sum + BigInt(row[quantity!]!) * scaled(row[price!]!));
  }
  const documents = new Map([...sums].map(([name, sum]) => [name, pence(sum)]));
  return { documents, total: pence([...sums.values()].reduce((sum, one) => sum + one, 0n)) };
}

const DECIMALS = 6;

/** A decimal text as a whole number of millionths. */
function scaled(text: string): bigint {
  const [whole, fraction = ''] = text.split('.') as [string, string?];
  return BigInt(whole + fraction.padEnd(DECIMALS, '0'));
}

/** Throws where a sum is no whole number of pence. */
function pence(millionths: bigint): number {
  const unit = 10n ** BigInt(DECIMALS - 2);
  if (millionths % unit !== 0n) throw new Error(`${millionths} millionths are no whole pence`);
  return Number(millionths / unit);
}

/** Rows of a CSV file with quoted fields (RFC 4180). */
function records(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(
    /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g,
  )) {
    rows.at(-1)!.push(quoted?.replaceAll('""', '"') ?? plain!);
    if (end !== ',') rows.push([]);
  }
  return rows.filter((row) => row.length > 1);
}
