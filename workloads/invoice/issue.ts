/**
 * What a seller writes: invoices for payments that it received, red-letter notes that take them
 * back, and delivery. A red-letter note is negative, has its own number, and never exceeds what is
 * left of its original at each rate.
 */
import { z } from 'zod';
import { isMember } from './authority.ts';
import {
  AmountSchema,
  type InvoiceDocument,
  InvoiceDocumentSchema,
  RateBpSchema,
  TaxCategorySchema,
} from './document.ts';
import { NUMBER_REJECTS, takeNumber } from './numbers.ts';
import {
  type Group,
  type Invoice,
  type InvoiceContext,
  MemberSchema,
  NoteReasonSchema,
  NumberSchema,
  PersonSchema,
  ReferenceSchema,
  type Seller,
  STATUSES,
  transaction,
} from './records.ts';
import { reversalOf } from './reversal.ts';
import { taxGroups } from './tax.ts';
import { leftGross, NEW_SELLER, retotalled, withOutstanding } from './totals.ts';

const unreversed = { reversedNet: 0, reversedTax: 0 };
const groupsOf = (document: InvoiceDocument): Group[] =>
  taxGroups(document).map((group) => ({ ...group, ...unreversed }));

const NumberedSchema = z.strictObject({ number: NumberSchema, gross: AmountSchema });

export const issue = transaction({
  summary: 'Issues an invoice for payments that were received; together they equal its gross.',
  roles: ['seller'],
  http: 'POST /invoices',
  rejects: [
    ...NUMBER_REJECTS,
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
    document: InvoiceDocumentSchema,
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
    claimExternalId(context, document, number);
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

export const reverse = transaction({
  summary: 'Writes a red-letter note that takes an invoice back, in full or in part.',
  roles: ['seller'],
  http: 'POST /invoices/{number}/reversals',
  rejects: [
    ...NUMBER_REJECTS,
    'unknown-invoice',
    'not-yours',
    'not-an-invoice',
    'in-claim',
    'reversed-already',
    'unknown-line',
    'line-reversed',
    'unknown-rate',
    'wrong-tax',
    'more-than-left',
    'too-many-reversals',
  ],
  input: z
    .strictObject({
      number: NumberSchema,
      reason: NoteReasonSchema,
      issuedOn: z.iso.date(),
      /** Whole lines of the original, from 0. */
      lines: z.array(z.int().min(0).max(999)).min(1).optional(),
      /** Amounts by rate, with the original's sign; tax follows where it is left out. */
      amounts: z
        .array(
          z.strictObject({
            category: TaxCategorySchema.optional(),
            rateBp: RateBpSchema,
            net: AmountSchema,
            tax: AmountSchema.optional(),
          }),
        )
        .min(1)
        .max(50)
        .optional(),
      /** A chosen number for the note. */
      noteNumber: NumberSchema.optional(),
    })
    .refine(({ lines, amounts }) => !(lines && amounts), {
      path: ['amounts'],
      message: 'lines or amounts or neither (all that is left), not both',
    }),
  output: z.strictObject({
    number: NumberSchema,
    note: NumberSchema,
    gross: AmountSchema,
    status: z.enum(STATUSES),
  }),
  apply(context, { number, reason, issuedOn, lines, amounts, noteNumber }) {
    const original = ownInvoice(context, number);
    if (original.status === 'reversed') {
      context.reject('reversed-already', `The invoice ${number} was reversed in full.`);
    }
    requireUnclaimed(context, original);
    if (original.reversals.length >= 200) {
      context.reject('too-many-reversals', 'An invoice has 200 reversals at the most.');
    }
    const seller = context.get('seller', context.caller.member)!;
    const taken = takeNumber(context, seller, noteNumber);
    const { document, reversed } = reversalOf(context, original, { issuedOn, lines, amounts });
    const note: Invoice = {
      ...newInvoice(context, { number: taken.number, kind: 'reversal', document }),
      original: number,
      reason,
    };
    const after: Invoice = {
      ...reversed,
      reversals: [...original.reversals, note.number],
    };
    const release = original.declaredIn === null ? leftGross(original) - leftGross(after) : 0;
    const released = withOutstanding(seller, original.document.currency, -release);
    const totals = retotalled(released.totals, original, after);
    context.put('invoice', number, after);
    store(context, { ...released, ranges: taken.ranges, totals }, note);
    const { status } = after;
    const { gross } = document;
    const told = { number, seller: original.seller, note: note.number, gross, status };
    context.emit('reversed', told);
    return { number, note: note.number, gross, status };
  },
});

export const credit = transaction({
  summary: 'Writes a red-letter note to an original that is not on this ledger.',
  roles: ['seller'],
  http: 'POST /credit-notes',
  rejects: [...NUMBER_REJECTS, 'positive-total', 'external-id-used'],
  input: z.strictObject({
    /** Its totals are negative, or zero. */
    document: InvoiceDocumentSchema,
    /** The original's reference elsewhere. */
    original: z.string().min(1).max(64),
    reason: NoteReasonSchema,
    number: NumberSchema.optional(),
  }),
  output: NumberedSchema,
  apply(context, { document, original, reason, number: chosen }) {
    const { currency, gross } = document;
    if (gross > 0) {
      context.reject('positive-total', 'A credit note’s totals are negative; issue an invoice.', {
        got: gross,
        expected: 'at most 0',
      });
    }
    const seller = context.get('seller', context.caller.member) ?? NEW_SELLER;
    const { number, ranges } = takeNumber(context, seller, chosen);
    claimExternalId(context, document, number);
    const base = newInvoice(context, { number, kind: 'credit-note', document });
    const note: Invoice = { ...base, original, reason };
    store(context, { ...seller, ranges }, note);
    context.emit('credit-noted', { number, seller: note.seller, currency, gross });
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

/** An invoice (no note) of the caller's member. */
function ownInvoice(context: InvoiceContext, number: string): Invoice {
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

function requireUnclaimed(context: InvoiceContext, { status }: Invoice): void {
  if (status === 'claimed' || status === 'approved' || status === 'credited') {
    context.reject('in-claim', 'A claim holds the invoice; refuse or withdraw it first.', {
      got: status,
      expected: 'issued',
    });
  }
}

function requireMember(context: InvoiceContext, member: string): void {
  if (!isMember(context, member)) {
    context.reject('unknown-member', 'There is no active member of this id.', { got: member });
  }
}

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

/** Binds the seller's own number, if the document has one, to this invoice. */
function claimExternalId(context: InvoiceContext, document: InvoiceDocument, number: string): void {
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

function newInvoice(
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
function store(context: InvoiceContext, seller: Seller, invoice: Invoice): void {
  context.put('invoice', invoice.number, invoice);
  const totals = retotalled(seller.totals, undefined, invoice);
  context.put('seller', invoice.seller, { ...seller, totals });
}
