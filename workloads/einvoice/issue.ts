/**
 * What a seller writes: invoices over payments that it received, red-letter notes that take them back, and whom they are
 * handed to. The tax bureau's node checks what nobody else sees: the arithmetic, the payments' sum, the credit limit.
 */
import { z } from 'zod';
import { encodeCbor, type Value } from '../../shared/bytes/cbor.ts';
import { attachments } from '../../shared/contract/confidential-attachments.ts';
import { textDigest } from '../../shared/contract/text-digest.ts';
import { CurrencySchema, DocumentShapeSchema, type InvoiceDocument } from '../invoice/document.ts';
import { activeMember } from '../invoice/members.ts';
import { NUMBER_REJECTS } from '../invoice/numbers.ts';
import { MemberSchema, NoteReasonSchema, NumberSchema } from '../invoice/records.ts';
import { documentProblem } from '../invoice/tax.ts';
import { HIDDEN_AMOUNTS, numbered, ownInvoice, put, putNote, requireIssued } from './entry.ts';
import { giveCreditBack, heldAs, holderOf, knownInvoice, takeCredit } from './hidden.ts';
import { forPeople, ofInvoice } from './people.ts';
import {
  type CheckContext,
  forBureau,
  forHolder,
  PaymentIdSchema,
  RETAIN_MS,
  TransactionSchema,
  transaction,
} from './records.ts';

const { seller, buyer, rounding, note } = DocumentShapeSchema.shape;
const CheckCodeSchema = z.string().regex(/^\d{20}$/, '20 digits');
const HandedSchema = DocumentShapeSchema.omit({
  currency: true,
  rounding: true,
  externalId: true,
}).extend({
  checkCode: CheckCodeSchema,
});
const NumberOnlySchema = z.strictObject({ number: NumberSchema });

export const issue = transaction({
  summary: 'Issues an invoice for payments that were received; together they equal its gross.',
  roles: ['seller'],
  http: 'POST /einvoices',
  rejects: [...NUMBER_REJECTS, 'unknown-payment', 'payment-invoiced'],
  input: z.strictObject({
    payments: z
      .array(PaymentIdSchema)
      .max(20)
      .refine((list) => new Set(list).size === list.length, 'each payment once'),
    /** A chosen number of one's ranges; left out: the next free one. */
    number: NumberSchema.optional(),
    currency: CurrencySchema,
    rounding,
    /** SHA-256, in hex, of the text `<issuedOn> <check code>`. */
    check: z.string().regex(/^[0-9a-f]{64}$/, '64 hex digits'),
    /** 20 random digits, printed on the invoice. */
    checkCode: forHolder(CheckCodeSchema),
    /** The member that bought, if it is one: it holds the invoice from the start. */
    to: forHolder(MemberSchema.optional()),
    seller: forHolder(seller),
    buyer: forHolder(buyer),
    ...HIDDEN_AMOUNTS,
    note: forHolder(note),
    /** A contract, a delivery note: between seller and buyer. */
    attachments: attachments({ parties: ['to'] }),
  }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: [
      'wrong-arithmetic',
      'negative-total',
      'unknown-payment',
      'payment-of-another',
      'payment-currency',
      'payments-differ',
      'unknown-member',
      'wrong-check',
      'over-credit-limit',
    ],
    check(context, { payments = [], check, checkCode, to, number: _, ...rest }) {
      const document = rest as InvoiceDocument;
      if (documentProblem(document)) context.refuse('wrong-arithmetic');
      if (document.gross < 0) context.refuse('negative-total');
      if (textDigest(`${document.issuedOn} ${checkCode}`) !== check) context.refuse('wrong-check');
      if (to !== undefined && !activeMember(context, to)) context.refuse('unknown-member');
      requirePayments(context, payments, document);
      takeCredit(context, document.currency, document.gross);
    },
  },
  retainForMs: RETAIN_MS,
  mayRead: (context, called) => ofInvoice(context, called, called.transaction),
  output: NumberOnlySchema,
  apply(context, { payments, number: chosen, currency, check }) {
    for (const id of payments) {
      const payment = context.get('payment', id);
      if (!payment) {
        return context.reject('unknown-payment', 'No payment was recorded under this id.', {
          got: id,
        });
      }
      if (payment.invoice !== null) {
        context.reject('payment-invoiced', `The payment ${id} was invoiced already.`, {
          got: payment.invoice,
        });
      }
    }
    const number = numbered(context, chosen);
    for (const id of payments) {
      context.put('payment', id, { ...context.get('payment', id)!, invoice: number });
    }
    put(context, { number, status: 'issued', currency, check, payments, counterpart: null });
    context.emit('issued', { number });
    return { number };
  },
});

export const reverse = transaction({
  summary: 'Writes a red-letter note that takes back an invoice, or all that is left of it.',
  roles: ['seller'],
  http: 'POST /einvoices/{number}/reversals',
  rejects: [...NUMBER_REJECTS, 'unknown-invoice', 'not-yours', 'not-reversible'],
  input: NumberOnlySchema.extend({ reason: forBureau(NoteReasonSchema) }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: ['unknown-invoice', 'not-yours', 'credit-returned'],
    check(context, { number = '' }) {
      const invoice = knownInvoice(context, number);
      if (invoice.seller !== context.caller.member) context.refuse('not-yours');
      // One that was declared has given its credit back.
      if (invoice.declaredIn === null) giveCreditBack(context, invoice, 'credit-returned');
    },
  },
  retainForMs: RETAIN_MS,
  mayRead: forPeople('seller'),
  output: z.strictObject({ note: NumberSchema }),
  apply(context, { number }) {
    const invoice = ownInvoice(context, number);
    requireIssued(context, invoice, 'not-reversible');
    const note = putNote(context, invoice);
    context.put('invoice', number, { ...invoice, status: 'reversed', counterpart: note });
    context.emit('reversed', { number });
    return { note };
  },
});

export const deliver = transaction({
  summary: 'Whoever holds an invoice, or its seller while nobody does, hands it to another member.',
  roles: ['seller', 'employee'],
  http: 'POST /einvoices/{number}/deliver',
  rejects: ['unknown-invoice', 'moved', 'not-deliverable'],
  input: NumberOnlySchema.extend({
    /** As the invoice's record has it: somebody else may have it by now otherwise. */
    holding: TransactionSchema,
    to: forHolder(MemberSchema),
    /** What the invoice hides, but for its first holder: whoever holds it from now on gets it with this. */
    document: forHolder(HandedSchema.optional()),
  }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: ['unknown-invoice', 'not-held', 'moved', 'unknown-member', 'not-the-document'],
    check(context, { number = '', holding = '', to = '', document }) {
      const invoice = heldAs(context, number, holding);
      // Both are asked for before one is looked at: one round to the vault.
      const issued = context.values(invoice.transaction);
      const holder = holderOf(context, invoice) ?? invoice.seller;
      if (holder !== context.caller.member) context.refuse('not-held');
      if (!activeMember(context, to)) context.refuse('unknown-member');
      if (document !== undefined && !isOf(document, issued)) context.refuse('not-the-document');
    },
  },
  retainForMs: RETAIN_MS,
  mayRead(context, called) {
    const invoice = context.get('invoice', called.input.number ?? '');
    return invoice !== undefined && ofInvoice(context, called, invoice.transaction);
  },
  output: NumberOnlySchema,
  apply(context, { number, holding }) {
    const invoice = context.get('invoice', number);
    if (!invoice) return context.reject('unknown-invoice', `There is no invoice ${number}.`);
    if (invoice.holding !== holding) {
      context.reject('moved', `The invoice ${number} was delivered by now.`);
    }
    requireIssued(context, invoice, 'not-deliverable');
    context.put('invoice', number, { ...invoice, holding: context.transactionId });
    context.emit('delivered', { number });
    return { number };
  },
});

/** Whether a document is, field by field, what an invoice hides. */
function isOf(document: object, issued: ReturnType<CheckContext['values']>): boolean {
  const { to: _, ...hidden } = issued ?? {};
  const [given, known] = [document, hidden].map((one) => encodeCbor(one as Value));
  return given!.length === known!.length && given!.every((byte, index) => byte === known![index]);
}

/** What was paid, as the bureau knows it, is what the invoice is about. */
function requirePayments(
  context: CheckContext,
  ids: readonly string[],
  { currency, gross }: InvoiceDocument,
): void {
  const found = ids.map((id) => {
    const payment = context.get('payment', id);
    return payment && context.values(payment.transaction);
  });
  let paid = 0;
  for (const values of found) {
    if (!values) context.refuse('unknown-payment');
    if (values.payee !== context.caller.member) context.refuse('payment-of-another');
    if (values.currency !== currency) context.refuse('payment-currency');
    paid += values.amount as number;
  }
  if (paid !== gross) context.refuse('payments-differ');
}
