/** What everybody may ask: that an invoice exists, and where it stands. */
import { z } from 'zod';
import { textDigest } from '../../shared/contract/text-digest.ts';
import { MemberSchema, NumberSchema, RangeSchema } from '../invoice/records.ts';
import {
  ClaimSchema,
  CreditNoteIdSchema,
  InvoiceSchema,
  PaymentIdSchema,
  PaymentSchema,
  query,
  TransactionSchema,
} from './records.ts';

export const invoice = query({
  summary: 'An invoice as all see it: its status, and the transactions that have its values.',
  roles: [],
  http: 'GET /einvoices/{number}',
  input: z.strictObject({ number: NumberSchema }),
  output: InvoiceSchema,
  answer: (context, { number }) =>
    context.get('invoice', number) ?? context.reject('not-found', `There is no invoice ${number}.`),
});

export const claimRecord = query({
  summary: 'A claim as all see it: whose it is, its invoices, and how far it has come.',
  roles: [],
  http: 'GET /einvoices/claims/{claim}',
  input: z.strictObject({ claim: TransactionSchema }),
  output: ClaimSchema,
  answer: (context, { claim: id }) =>
    context.get('claim', id) ?? context.reject('not-found', 'There is no such claim.'),
});

export const check = query({
  summary: 'Whether an invoice of this number, date and check code is valid; tells nothing else.',
  roles: [],
  http: 'GET /einvoices/{number}/check',
  input: z.strictObject({
    number: NumberSchema,
    issuedOn: z.iso.date(),
    code: z.string().regex(/^\d{20}$/, '20 digits'),
  }),
  output: z.strictObject({ result: z.enum(['valid', 'reversed', 'reimbursed', 'unknown']) }),
  answer(context, { number, issuedOn, code }) {
    const found = context.get('invoice', number);
    // A wrong code and a wrong number are told the same.
    if (found?.check !== textDigest(`${issuedOn} ${code}`)) return { result: 'unknown' };
    if (found.status === 'reversed') return { result: 'reversed' };
    return { result: found.status === 'credited' ? 'reimbursed' : 'valid' };
  },
});

export const payment = query({
  summary:
    'A recorded payment: the transaction that has its values, and the invoice that covers it.',
  roles: [],
  http: 'GET /einvoices/payments/{id}',
  input: z.strictObject({ id: PaymentIdSchema }),
  output: PaymentSchema,
  answer: (context, { id }) =>
    context.get('payment', id) ?? context.reject('not-found', `There is no payment ${id}.`),
});

export const creditNote = query({
  summary: 'The number of a credit note, by the id that its seller gave it.',
  roles: [],
  http: 'GET /einvoices/credit-notes/{id}',
  input: z.strictObject({ id: CreditNoteIdSchema }),
  output: z.strictObject({ note: NumberSchema }),
  answer: (context, { id }) =>
    context.get('credit', id) ?? context.reject('not-found', `There is no credit note ${id}.`),
});

export const allotments = query({
  summary: 'A merchant’s number ranges.',
  roles: [],
  http: 'GET /einvoices/allotments/{merchant}',
  input: z.strictObject({ merchant: MemberSchema }),
  output: z.strictObject({ ranges: z.array(RangeSchema) }),
  answer: (context, { merchant }) => context.get('seller', merchant) ?? { ranges: [] },
});
