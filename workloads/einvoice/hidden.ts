/**
 * What the tax bureau's node knows when it endorses: values of earlier transactions, and how much credit they take. Sums
 * over hidden amounts are tallies of the bureau's node; the ledger has none.
 */
import type { CheckContext, Invoice } from './records.ts';

type Values = Readonly<Record<string, unknown>>;

/** An invoice's record; refuses with `unknown-invoice`. */
export const knownInvoice = (context: CheckContext, number: string): Invoice =>
  context.get('invoice', number) ?? context.refuse('unknown-invoice');

/** The member that holds an invoice: the seller's buyer, or to whom it was delivered last. */
export const holderOf = (context: CheckContext, { holding }: Invoice): unknown =>
  context.values(holding)?.to;

/**
 * An invoice whose holder is the one that the caller looked at; refuses with `unknown-invoice` or `moved`. The ledger
 * compares again with what it has: only so is an endorsement, which is of a moment, of this holder.
 */
export function heldAs(context: CheckContext, number: string, holding: string): Invoice {
  const invoice = knownInvoice(context, number);
  if (invoice.holding !== holding) context.refuse('moved');
  return invoice;
}

const outstanding = (member: string, currency: string): string =>
  `outstanding ${member} ${currency}`;

/** Takes a seller's credit for what it issues; refuses with `over-credit-limit`. */
export function takeCredit(context: CheckContext, currency: string, gross: number): void {
  const { member } = context.caller;
  const set = context.get('limit', `${member}/${currency}`);
  const limit = set && context.values(set.transaction)?.limit;
  const max = typeof limit === 'number' ? limit : 0;
  context.reserve(outstanding(member, currency), gross, max, 'over-credit-limit');
}

/** Gives back the credit that an invoice took, once: when it is declared to tax, or reversed before. */
export function giveCreditBack(context: CheckContext, invoice: Invoice, reason: string): void {
  const gross = grossOf(context.values(invoice.transaction));
  if (gross === undefined) context.refuse('unknown-invoice');
  context.reserve(`released ${invoice.number}`, 1, 1, reason);
  const name = outstanding(invoice.seller, invoice.currency);
  context.reserve(name, gross === 0 ? 0 : -gross, Number.MAX_SAFE_INTEGER, reason);
}

const grossOf = (values: Values | undefined): number | undefined =>
  typeof values?.gross === 'number' ? values.gross : undefined;
