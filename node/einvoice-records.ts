/** Confidential invoices over the API: their records, and what they hide. */
import type { Invoice } from '../workloads/einvoice/records.ts';
import { call, type Target } from './gateway-call.ts';
import type { Values } from './transaction-values.ts';

/** An invoice or a note as all see it. Throws `CallRefused`. */
export async function invoiceRecord(target: Target, number: string): Promise<Invoice> {
  const { output } = (await call(target, `/einvoices/${number}`)) as { readonly output: Invoice };
  return output;
}

/** What the notes hide that took parts of an invoice back; `read` answers a transaction's values. */
export const partValues = (
  target: Target,
  numbers: readonly string[],
  read: (transaction: string) => Promise<Values | undefined>,
): Promise<(Values | undefined)[]> =>
  Promise.all(numbers.map(async (note) => read((await invoiceRecord(target, note)).transaction)));

/** What an invoice hides: as it was issued, or as whoever holds it now was handed it. `read` answers a transaction's values. */
export async function invoiceValues(
  { transaction, holding }: Pick<Invoice, 'transaction' | 'holding'>,
  read: (transaction: string) => Promise<Values | undefined>,
): Promise<Values | undefined> {
  const issued = await read(transaction);
  if (issued || holding === transaction) return issued;
  return (await read(holding))?.document as Values | undefined;
}
