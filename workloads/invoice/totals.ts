/**
 * A seller's live sums by currency, status, category and rate, in integers. Each change of an
 * invoice moves its amounts from one entry to another, so that the sums never have to be recomputed.
 */
import type { TaxCategory } from './document.ts';
import type { Group, Invoice, Seller, Status, Totals } from './records.ts';
import type { TaxGroup } from './tax.ts';

/** One row of the sums. */
export interface TotalsRow {
  readonly currency: string;
  readonly status: Status;
  readonly category: TaxCategory;
  readonly rateBp: number;
  /** Invoices that have this rate; a partly reversed one counts where its rest is. */
  readonly count: number;
  readonly net: number;
  readonly tax: number;
}

/** What is left of an invoice at one rate. */
export const leftOf = ({ category, rateBp, ...group }: Group): TaxGroup => ({
  category,
  rateBp,
  net: group.net - group.reversedNet,
  tax: group.tax - group.reversedTax,
});

/** Gross that is left of an invoice, in minor units. */
export const leftGross = (invoice: Pick<Invoice, 'groups'>): number =>
  invoice.groups.reduce((sum, group) => {
    const { net, tax } = leftOf(group);
    return sum + net + tax;
  }, 0);

/** What one invoice or note adds to the sums. */
export function contribution(
  invoice: Pick<Invoice, 'document' | 'status' | 'groups'>,
): TotalsRow[] {
  const { currency } = invoice.document;
  const { status } = invoice;
  return invoice.groups.flatMap((group) => {
    const left = { currency, status, ...leftOf(group), count: 1 };
    const { category, rateBp, reversedNet, reversedTax } = group;
    if (reversedNet === 0 && reversedTax === 0) return [left];
    const amounts = { count: 0, net: reversedNet, tax: reversedTax };
    return [left, { currency, status: 'reversed' as const, category, rateBp, ...amounts }];
  });
}

/** The sums after an invoice changed; undefined: it was not there before. */
export function retotalled(totals: Totals, before: Invoice | undefined, after: Invoice): Totals {
  const changed = { ...totals };
  // A reversal only moves amounts of its original; counting the note as well would count it twice.
  if (after.kind === 'reversal') return changed;
  for (const row of before ? contribution(before) : []) addTo(changed, rowKey(row), row, -1);
  for (const row of contribution(after)) addTo(changed, rowKey(row), row, 1);
  return changed;
}

/** Adds (sign 1) or takes (sign −1) amounts; an entry with nothing in it is left out. */
export function addTo(
  totals: Totals,
  key: string,
  { count, net, tax }: { readonly count: number; readonly net: number; readonly tax: number },
  sign: 1 | -1,
): void {
  const entry = totals[key] ?? { count: 0, net: 0, tax: 0 };
  const sum = {
    count: entry.count + sign * count,
    net: entry.net + sign * net,
    tax: entry.tax + sign * tax,
  };
  if (sum.count === 0 && sum.net === 0 && sum.tax === 0) delete totals[key];
  else totals[key] = sum;
}

const rowKey = ({ currency, status, category, rateBp }: TotalsRow): string =>
  `${currency}/${status}/${category}/${rateBp}`;

/** The sums as rows, in the order of their keys. */
export const totalsRows = (totals: Totals): TotalsRow[] =>
  Object.keys(totals)
    .sort()
    .map((key) => {
      const [currency, status, category, rate] = key.split('/') as [
        string,
        Status,
        TaxCategory,
        string,
      ];
      return { currency, status, category, rateBp: Number(rate), ...totals[key]! };
    });

/** Gross sums of one currency: total = issued − reversed + credit notes (which are negative). */
export interface CurrencySums {
  readonly currency: string;
  readonly issued: number;
  readonly reversed: number;
  readonly creditNotes: number;
  readonly total: number;
}

/** Rows added up by currency, in the order of currencies. */
export function currencySums(rows: readonly TotalsRow[]): CurrencySums[] {
  const currencies = [...new Set(rows.map(({ currency }) => currency))].sort();
  return currencies.map((currency) => {
    const gross = (matches: (status: Status) => boolean): number =>
      rows
        .filter((row) => row.currency === currency && matches(row.status))
        .reduce((sum, { net, tax }) => sum + net + tax, 0);
    const reversed = gross((status) => status === 'reversed');
    const creditNotes = gross((status) => status === 'note');
    const issued = gross((status) => status !== 'note');
    return { currency, issued, reversed, creditNotes, total: issued - reversed + creditNotes };
  });
}

/** A seller before anything was allotted to it. */
export const NEW_SELLER: Seller = { ranges: [], credit: {}, totals: {} };

/** A seller whose outstanding gross in a currency changed by `by`. */
export function withOutstanding(seller: Seller, currency: string, by: number): Seller {
  if (by === 0) return seller;
  const { limit, outstanding } = seller.credit[currency] ?? { limit: 0, outstanding: 0 };
  return {
    ...seller,
    credit: { ...seller.credit, [currency]: { limit, outstanding: outstanding + by } },
  };
}
