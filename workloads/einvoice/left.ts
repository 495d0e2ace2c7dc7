/** What is left of an invoice after red-letter notes took parts of it back, as the tax bureau's node knows it. */
import { groupKey, type TaxedAmount, type TaxGroup, taxGroups, totalOf } from '../invoice/tax.ts';
import type { CheckContext, Invoice } from './records.ts';

type Values = ReturnType<CheckContext['values']>;

/** Net and tax by category and rate of what a transaction is about; undefined where it has no lines, or none are known. */
export function groupsOf(values: Values): readonly TaxGroup[] | undefined {
  if (!values?.lines) return undefined;
  const { lines, taxes } = values as never as Parameters<typeof taxGroups>[0] & {
    readonly taxes?: readonly TaxGroup[];
  };
  // Only with rounding per rate are there taxes beside the lines.
  return taxes ?? taxGroups({ lines, rounding: 'per-line' });
}

/** An invoice as it was issued, and what no note has taken back, by category and rate. */
export interface Left {
  readonly issuedOn: string;
  readonly issued: TaxedAmount;
  readonly left: ReadonlyMap<string, TaxGroup>;
}

/** Undefined where this node lacks the values of the invoice or of one of its notes. */
export function leftOfInvoice(context: CheckContext, invoice: Invoice): Left | undefined {
  const values = context.values(invoice.transaction);
  // All are asked for before one is looked at: one round to the vault.
  const parts = invoice.parts.map((number) => {
    const note = context.get('invoice', number);
    return note && context.values(note.transaction);
  });
  const groups = groupsOf(values);
  if (!groups) return undefined;
  const left = new Map(groups.map((group) => [groupKey(group), group]));
  for (const part of parts) {
    const taken = groupsOf(part);
    if (!taken) return undefined;
    for (const group of taken) {
      const before = left.get(groupKey(group))!;
      const after = { net: before.net - group.net, tax: before.tax - group.tax };
      left.set(groupKey(group), { ...before, ...after });
    }
  }
  return { issuedOn: values!.issuedOn as string, issued: totalOf(groups), left };
}

/** Net, tax and gross of what is left. */
export const totalLeft = ({ left }: Left): TaxedAmount => totalOf([...left.values()]);
