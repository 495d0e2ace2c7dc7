/** What sellers' transactions have in common: their invoices, numbers and notes, and what a document hides. */
import { DocumentShapeSchema } from '../invoice/document.ts';
import { takeNumber } from '../invoice/numbers.ts';
import { forHolder, type Invoice, type InvoiceContext } from './records.ts';

const { issuedOn, lines, taxes, net, tax, gross } = DocumentShapeSchema.shape;

/** The fields of a document that say how much, and when. */
export const HIDDEN_AMOUNTS = {
  issuedOn: forHolder(issuedOn),
  lines: forHolder(lines),
  taxes: forHolder(taxes),
  net: forHolder(net),
  tax: forHolder(tax),
  gross: forHolder(gross),
};

/** The caller's invoice; rejects with `unknown-invoice` or `not-yours`. */
export function ownInvoice(context: InvoiceContext, number: string): Invoice {
  const invoice = context.get('invoice', number);
  if (!invoice) return context.reject('unknown-invoice', `There is no invoice ${number}.`);
  if (invoice.seller !== context.caller.member) {
    context.reject('not-yours', `The invoice ${number} is another seller’s.`);
  }
  return invoice;
}

/** Takes a number of the caller's. */
export function numbered(context: InvoiceContext, chosen: string | undefined): string {
  const seller = context.get('seller', context.caller.member) ?? { ranges: [] };
  const { number, ranges } = takeNumber(context, seller, chosen);
  context.put('seller', context.caller.member, { ranges });
  return number;
}

/** Stores a new invoice or note of the caller's. */
export function put(
  context: InvoiceContext,
  own: Pick<Invoice, 'number' | 'status' | 'currency' | 'check' | 'payments' | 'counterpart'>,
): void {
  context.put('invoice', own.number, {
    ...own,
    seller: context.caller.member,
    issuedAt: context.time,
    transaction: context.transactionId,
    holding: context.transactionId,
    claim: null,
    declaredIn: null,
    parts: [],
  });
}

/** Stores a red-letter note that takes an invoice back, or a part of it; answers its number. */
export function putNote(context: InvoiceContext, { number, currency }: Invoice): string {
  const note = numbered(context, undefined);
  put(context, {
    ...{ number: note, status: 'note', currency, check: '', payments: [], counterpart: number },
  });
  return note;
}

/** Rejects with a reason where an invoice is in a claim, or taken back. */
export function requireIssued(
  context: InvoiceContext,
  { number, status }: Invoice,
  reason: string,
): void {
  if (status === 'issued') return;
  context.reject(reason, `The invoice ${number} is ${status}.`, {
    got: status,
    expected: 'issued',
  });
}

/** Rejects with `moved` where an invoice is not as it was when it was looked at, and endorsed. */
export function requireAsSeen(
  context: InvoiceContext,
  { number, holding, parts }: Invoice,
  seen: { readonly holding: string; readonly parts: number },
): void {
  if (holding === seen.holding && parts.length === seen.parts) return;
  context.reject('moved', `The invoice ${number} was delivered or reversed in part by now.`);
}
