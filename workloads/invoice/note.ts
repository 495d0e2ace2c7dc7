/**
 * Red-letter notes, which take invoices back. A note is negative, has its own number, and never
 * exceeds what is left of its original at each rate.
 */
import { z } from 'zod';
import { AmountSchema, DocumentShapeSchema, RateBpSchema, TaxCategorySchema } from './document.ts';
import {
  bindExternalId,
  NumberedSchema,
  newInvoice,
  ownInvoice,
  requireArithmetic,
  requireUnclaimed,
  store,
} from './entry.ts';
import { NUMBER_REJECTS, takeNumber } from './numbers.ts';
import { type Invoice, NoteReasonSchema, NumberSchema, STATUSES, transaction } from './records.ts';
import { reversalOf } from './reversal.ts';
import { leftGross, NEW_SELLER, retotalled, withOutstanding } from './totals.ts';

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
    'positive-total',
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
  rejects: [...NUMBER_REJECTS, 'wrong-arithmetic', 'positive-total', 'external-id-used'],
  input: z.strictObject({
    /** Its totals are negative, or zero. */
    document: DocumentShapeSchema,
    /** The original's reference elsewhere. */
    original: z.string().min(1).max(64),
    reason: NoteReasonSchema,
    number: NumberSchema.optional(),
  }),
  output: NumberedSchema,
  apply(context, { document, original, reason, number: chosen }) {
    requireArithmetic(context, document);
    const { currency, gross } = document;
    if (gross > 0) {
      context.reject('positive-total', 'A credit note’s totals are negative; issue an invoice.', {
        got: gross,
        expected: 'at most 0',
      });
    }
    const seller = context.get('seller', context.caller.member) ?? NEW_SELLER;
    const { number, ranges } = takeNumber(context, seller, chosen);
    bindExternalId(context, document, number);
    const base = newInvoice(context, { number, kind: 'credit-note', document });
    const note: Invoice = { ...base, original, reason };
    store(context, { ...seller, ranges }, note);
    context.emit('credit-noted', { number, seller: note.seller, currency, gross });
    return { number, gross };
  },
});
