/** Writes vouchers into a folder in one of their forms. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { jsonLine } from '../../workloads/einvoice-vouchers/json.ts';
import type { Voucher } from '../../workloads/einvoice-vouchers/voucher.ts';
import { csvOf } from './csv.ts';
import { pdfOf } from './pdf.ts';
import { ublOf } from './ubl.ts';

export const FORMATS = ['json', 'csv', 'ubl', 'pdf'] as const;
export type Format = (typeof FORMATS)[number];

export interface Written {
  readonly file: string;
  readonly vouchers: readonly Voucher[];
}

/** One file for all as JSON lines or CSV, one for each as UBL or PDF. `base` is where the invoices are asked about. */
export async function writeVouchers(
  vouchers: readonly Voucher[],
  folder: string,
  format: Format,
  base: string,
): Promise<readonly Written[]> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const all = (name: string, content: string): Written[] => [
    { file: put(folder, name, content), vouchers },
  ];
  if (format === 'json') {
    return all('vouchers.jsonl', vouchers.map((one) => `${jsonLine(one)}\n`).join(''));
  }
  if (format === 'csv') return all('vouchers.csv', csvOf(vouchers));
  const written: Written[] = [];
  for (const one of vouchers) {
    const content = format === 'ubl' ? ublOf(one) : await pdfOf(one, base);
    const extension = format === 'ubl' ? 'xml' : 'pdf';
    written.push({ file: put(folder, `${one.number}.${extension}`, content), vouchers: [one] });
  }
  return written;
}

/** Whole or not at all: others may be watching the folder. They hold what is confidential: for their owner only. */
function put(folder: string, name: string, content: string | Uint8Array): string {
  const file = path.join(folder, name);
  const draft = `${file}.partial`;
  writeFileSync(draft, content, { mode: 0o600 });
  renameSync(draft, file);
  return file;
}
