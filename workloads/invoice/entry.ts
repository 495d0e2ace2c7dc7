/**
 * How an invoice or a note comes onto the ledger: its record, its seller's sums, and the checks
 * that both kinds share.
 */
import { z } from 'zod';
import { AmountSchema, type InvoiceDocument } from './document.ts';
import {
  type Group,
  type Invoice,
  type InvoiceContext,
  NumberSchema,
  type Seller,
} from './records.ts';
import { documentProblem, taxGroups } from './tax.ts';
import { retotalled } from './totals.ts';

/** What issuing answers. */
export const NumberedSchema = z.strictObject({ number: NumberSchema, gross: AmountSchema });

/** An invoice (no note) of the caller's member. */
export function ownInvoice(context: InvoiceContext, number: string): Invoice {
  const invoice = context.get('invoice', number);
  if (!invoice) return context.reject('unknown-invoice', `There is no invoice ${number}.`);
  if (invoice.seller !== context.caller.member) {
    context.reject('not-yours', `The invoice ${number} is another seller’s.`);
  }
  if (invoice.kind !== 'invoice') {
    context.reject('not-an-invoice', `${number} is a red-letter note.`, {
      got: invoice.kind,
      expected: 'invoice',
    });
  }
  return invoice;
}

/** Rejects an invoice that a claim holds or held to the end. */
export function requireUnclaimed(context: InvoiceContext, { status }: Invoice): void {
  if (status === 'claimed' || status === 'approved' || status === 'credited') {
    context.reject('in-claim', 'A claim holds the invoice; refuse or withdraw it first.', {
      got: status,
      expected: 'issued',
    });
  }
}

/** Rejects a document whose amounts don't follow from each other, with the first place. */
export function requireArithmetic(context: InvoiceContext, document: InvoiceDocument): void {
  const problem = documentProblem(document);
  if (problem) {
    const { path, got, expected } = problem;
    const place = `/document/${path.join('/')}`;
    context.reject('wrong-arithmetic', `The amount at ${place} does not follow.`, {
      got,
      expected,
    });
  }
}

/** Binds the seller's own number, if the document has one, to this invoice. */
export function bindExternalId(
  context: InvoiceContext,
  document: InvoiceDocument,
  number: string,
): void {
  if (document.externalId === undefined) return;
  const key = `${context.caller.member}/${document.externalId}`;
  const used = context.get('external', key);
  if (used) {
    context.reject('external-id-used', 'The seller has an invoice of this external id.', {
      got: used.number,
    });
  }
  context.put('external', key, { number });
}

/** An invoice or a note as it is when it is written. */
export function newInvoice(
  context: InvoiceContext,
  given: Pick<Invoice, 'number' | 'kind' | 'document'> & Partial<Invoice>,
): Invoice {
  return {
    seller: context.caller.member,
    issuedAt: context.time,
    status: given.kind === 'invoice' ? 'issued' : 'note',
    groups: groupsOf(given.document),
    payments: [],
    holder: null,
    claim: null,
    declaredIn: null,
    reversals: [],
    reversedLines: [],
    original: null,
    reason: null,
    ...given,
  };
}

/** Stores a new invoice or note, and its seller with the sums that follow. */
export function store(context: InvoiceContext, seller: Seller, invoice: Invoice): void {
  context.put('invoice', invoice.number, invoice);
  const totals = retotalled(seller.totals, undefined, invoice);
  context.put('seller', invoice.seller, { ...seller, totals });
}

const groupsOf = (document: InvoiceDocument): Group[] =>
  taxGroups(document).map((group) => ({ ...group, reversedNet: 0, reversedTax: 0 }));
