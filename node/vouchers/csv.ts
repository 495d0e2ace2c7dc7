/** Vouchers as CSV: a row for each line, amounts as decimals. */
import { stringify } from 'csv-stringify/sync';
import { moneyText, percentText } from '../../workloads/einvoice-vouchers/amount-text.ts';
import type { Voucher } from '../../workloads/einvoice-vouchers/voucher.ts';
import { categoryOf } from '../../workloads/invoice/tax.ts';

/** In their order; documented in docs/vouchers.md. */
export const CSV_COLUMNS = [
  ...['number', 'kind', 'status', 'of', 'date', 'currency'],
  ...['seller', 'sellerTaxId', 'buyer', 'buyerTaxId'],
  ...['description', 'code', 'quantity', 'unit', 'unitPrice'],
  ...['net', 'rate', 'category', 'tax'],
] as const;

/**
 * The file: UTF-8 with a byte order mark, which spreadsheets need to see it is that. A text that a spreadsheet would take for
 * a formula gets an apostrophe before it. `tax` is empty where the invoice rounds it by rate, not by line.
 */
export function csvOf(vouchers: readonly Voucher[]): string {
  const rows = vouchers.flatMap(({ number, kind, status, of, document }) => {
    const { issuedOn: date, currency, seller, buyer, rounding, lines } = document;
    const head = { number, kind, status, of, date, currency };
    const parties = {
      ...{ seller: seller.name, sellerTaxId: seller.taxId },
      ...{ buyer: buyer.name, buyerTaxId: buyer.taxId },
    };
    return lines.map((line) => ({
      ...{ ...head, ...parties, ...line },
      net: Number(moneyText(currency, line.net)),
      rate: percentText(line.rateBp),
      category: categoryOf(line),
      quantity: line.quantity === undefined ? undefined : Number(line.quantity),
      tax: rounding === 'per-line' ? Number(moneyText(currency, line.tax)) : undefined,
    }));
  });
  return stringify(rows, {
    ...{ header: true, columns: [...CSV_COLUMNS], bom: true, escape_formulas: true },
    cast: { number: (value) => String(value) },
  });
}
