/** What is left of an invoice after red-letter notes took parts of it back, for whoever has the hidden values of them all. */
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

/** Groups without what a note took back of them. */
export const minus = (groups: readonly TaxGroup[], taken: readonly TaxGroup[]): TaxGroup[] =>
  groups.map((group) => {
    const part = taken.find((one) => groupKey(one) === groupKey(group));
    return part ? { ...group, net: group.net - part.net, tax: group.tax - part.tax } : group;
  });

/** An invoice as it was issued, and what no note has taken back, by category and rate. */
export interface Left {
  readonly issuedOn: string;
  readonly issued: TaxedAmount;
  readonly left: readonly TaxGroup[];
}

/** Of an invoice's values and those of its notes; undefined where some are not known. */
export function leftAfter(values: Values, notes: readonly Values[]): Left | undefined {
  const groups = groupsOf(values);
  const parts = notes.map(groupsOf);
  if (!groups || parts.includes(undefined)) return undefined;
  const left = parts.reduce<readonly TaxGroup[]>((before, part) => minus(before, part!), groups);
  return { issuedOn: values!.issuedOn as string, issued: totalOf(groups), left };
}

/** Undefined where this node lacks the values of the invoice or of one of its notes. */
export function leftOfInvoice(context: CheckContext, invoice: Invoice): Left | undefined {
  const values = context.values(invoice.transaction);
  // All are asked for before one is looked at: one round to the vault.
  const notes = invoice.parts.map((number) => {
    const note = context.get('invoice', number);
    return note && context.values(note.transaction);
  });
  return leftAfter(values, notes);
}

/** Net, tax and gross of what is left. */
export const totalLeft = ({ left }: Left): TaxedAmount => totalOf(left);
