/**
 * What a seller writes: invoices for payments that it received, and their delivery. A payment is
 * invoiced once, and what is issued and not yet declared stays within the seller's credit limit.
 */
import { z } from 'zod';
import { DocumentShapeSchema, type InvoiceDocument } from './document.ts';
import {
  bindExternalId,
  NumberedSchema,
  newInvoice,
  ownInvoice,
  requireArithmetic,
  requireUnclaimed,
  store,
} from './entry.ts';
import { requireMember } from './members.ts';
import { NUMBER_REJECTS, takeNumber } from './numbers.ts';
import {
  type InvoiceContext,
  MemberSchema,
  NumberSchema,
  PersonSchema,
  ReferenceSchema,
  transaction,
} from './records.ts';
import { NEW_SELLER, withOutstanding } from './totals.ts';

export const issue = transaction({
  summary: 'Issues an invoice for payments that were received; together they equal its gross.',
  roles: ['seller'],
  http: 'POST /invoices',
  rejects: [
    ...NUMBER_REJECTS,
    'wrong-arithmetic',
    'negative-total',
    'unknown-payment',
    'payment-of-another',
    'payment-currency',
    'payment-invoiced',
    'payments-differ',
    'unknown-member',
    'over-credit-limit',
    'external-id-used',
  ],
  input: z.strictObject({
    document: DocumentShapeSchema,
    payments: z
      .array(ReferenceSchema)
      .max(20)
      .refine((list) => new Set(list).size === list.length, 'each payment once'),
    /** A chosen number of one's ranges; left out: the next free one. */
    number: NumberSchema.optional(),
    /** The member that bought, if it is one: it holds the invoice from the start. */
    buyer: MemberSchema.optional(),
  }),
  output: NumberedSchema,
  apply(context, { document, payments, number: chosen, buyer }) {
    requireArithmetic(context, document);
    const { currency, gross } = document;
    if (gross < 0) {
      context.reject('negative-total', 'An invoice is not negative; write a credit note.', {
        got: gross,
        expected: 'at least 0',
      });
    }
    const settled = requirePayments(context, document, payments);
    if (buyer !== undefined) requireMember(context, buyer);
    const seller = context.get('seller', context.caller.member) ?? NEW_SELLER;
    const { limit, outstanding } = seller.credit[currency] ?? { limit: 0, outstanding: 0 };
    if (outstanding + gross > limit) {
      context.reject('over-credit-limit', 'The seller’s credit limit does not cover this.', {
        got: outstanding + gross,
        expected: `at most ${limit}`,
      });
    }
    const { number, ranges } = takeNumber(context, seller, chosen);
    bindExternalId(context, document, number);
    for (const payment of settled) {
      context.put('payment', payment.reference, { ...payment, invoice: number });
    }
    const holder = buyer === undefined ? null : { member: buyer, person: null };
    const invoice = newInvoice(context, { number, kind: 'invoice', document, payments, holder });
    store(context, withOutstanding({ ...seller, ranges }, currency, gross), invoice);
    context.emit('issued', { number, seller: invoice.seller, currency, gross });
    return { number, gross };
  },
});

export const deliver = transaction({
  summary: 'Hands an invoice to a member, or to one person of it.',
  roles: ['seller'],
  http: 'POST /invoices/{number}/deliver',
  rejects: ['unknown-invoice', 'not-yours', 'not-an-invoice', 'in-claim', 'unknown-member'],
  input: z.strictObject({
    number: NumberSchema,
    member: MemberSchema,
    /** The name of an identity of that member; left out: anyone of it may claim. */
    person: PersonSchema.optional(),
  }),
  output: z.strictObject({ number: NumberSchema }),
  apply(context, { number, member, person = null }) {
    const invoice = ownInvoice(context, number);
    requireUnclaimed(context, invoice);
    requireMember(context, member);
    context.put('invoice', number, { ...invoice, holder: { member, person } });
    context.emit('delivered', { number, seller: invoice.seller, member });
    return { number };
  },
});

function requirePayments(
  context: InvoiceContext,
  { currency, gross }: InvoiceDocument,
  references: readonly string[],
) {
  const payments = references.map((reference) => {
    const payment = context.get('payment', reference);
    if (!payment) {
      return context.reject('unknown-payment', 'No payment was recorded under this reference.', {
        got: reference,
      });
    }
    if (payment.payee !== context.caller.member) {
      context.reject('payment-of-another', `The payment ${reference} is not to this seller.`, {
        got: payment.payee,
        expected: context.caller.member,
      });
    }
    if (payment.currency !== currency) {
      context.reject('payment-currency', `The payment ${reference} is in another currency.`, {
        got: payment.currency,
        expected: currency,
      });
    }
    if (payment.invoice !== null) {
      context.reject('payment-invoiced', `The payment ${reference} was invoiced already.`, {
        got: payment.invoice,
      });
    }
    return payment;
  });
  const paid = payments.reduce((sum, { amount }) => sum + amount, 0);
  if (paid !== gross) {
    context.reject('payments-differ', 'The payments together must equal the gross amount.', {
      got: paid,
      expected: gross,
    });
  }
  return payments;
}
