/**
 * What the tax bureau's node knows when it endorses: values of earlier transactions, and how much credit they take. Sums
 * over hidden amounts are tallies of the bureau's node; the ledger has none.
 */
import { type Left, leftOfInvoice, totalLeft } from './left.ts';
import type { CheckContext, Invoice } from './records.ts';

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

/** Gives back the credit that an invoice still takes, once: when it is declared to tax, or reversed before. */
export function giveCreditBack(context: CheckContext, invoice: Invoice, reason: string): void {
  const left = leftOfInvoice(context, invoice) ?? context.refuse('unknown-invoice');
  releaseCredit(context, invoice, left, totalLeft(left).gross, reason);
}

/** Gives back a part of it; never more in all than the invoice took, whatever is under way at the same time. */
export function releaseCredit(
  context: CheckContext,
  { number, seller, currency }: Invoice,
  { issued }: Left,
  amount: number,
  reason: string,
): void {
  context.reserve(`released ${number}`, amount, issued.gross, reason);
  const name = outstanding(seller, currency);
  context.reserve(name, amount === 0 ? 0 : -amount, Number.MAX_SAFE_INTEGER, reason);
}
