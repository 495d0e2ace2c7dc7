/**
 * Red-letter notes that take a part of an invoice back. The part is hidden as the invoice is; the tax bureau's node checks
 * that it is no more than what is left. Whoever takes all of that back writes a reversal, which needs no amounts.
 */
import { z } from 'zod';
import { DocumentShapeSchema, type InvoiceDocument } from '../invoice/document.ts';
import { NUMBER_REJECTS } from '../invoice/numbers.ts';
import { MemberSchema, NoteReasonSchema, NumberSchema } from '../invoice/records.ts';
import { documentProblem, groupKey, isWithin } from '../invoice/tax.ts';
import { HIDDEN_AMOUNTS, ownInvoice, putNote, requireAsSeen, requireIssued } from './entry.ts';
import { heldAs, holderOf, releaseCredit } from './hidden.ts';
import { groupsOf, type Left, leftOfInvoice, totalLeft } from './left.ts';
import { ofInvoice } from './people.ts';
import {
  type CheckContext,
  forHolder,
  PARTS_MAX,
  RETAIN_MS,
  TransactionSchema,
  transaction,
} from './records.ts';

export const reverseInPart = transaction({
  summary: 'Writes a red-letter note that takes a part of an invoice back.',
  roles: ['seller'],
  http: 'POST /einvoices/{number}/partial-reversals',
  rejects: [
    ...NUMBER_REJECTS,
    'unknown-invoice',
    'not-yours',
    'not-reversible',
    'moved',
    'too-many-parts',
  ],
  input: z.strictObject({
    number: NumberSchema,
    /** As the invoice's record has them: who holds it, and how many parts were taken back before. */
    holding: TransactionSchema,
    parts: z.int().min(0).max(PARTS_MAX),
    rounding: DocumentShapeSchema.shape.rounding,
    /** Who holds the invoice, if a member does. */
    to: forHolder(MemberSchema.optional()),
    reason: forHolder(NoteReasonSchema),
    /** What is taken back, with the invoice's sign. */
    ...HIDDEN_AMOUNTS,
  }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: [
      'unknown-invoice',
      'not-yours',
      'moved',
      'not-held',
      'wrong-arithmetic',
      'unknown-rate',
      'more-than-left',
      'nothing-left',
      'credit-returned',
    ],
    check(context, { number = '', holding = '', parts, to, reason: _, ...rest }) {
      const note = rest as unknown as InvoiceDocument;
      const invoice = heldAs(context, number, holding);
      if (invoice.seller !== context.caller.member) context.refuse('not-yours');
      if (invoice.parts.length !== parts) context.refuse('moved');
      if (holderOf(context, invoice) !== to) context.refuse('not-held');
      const left = leftOfInvoice(context, invoice) ?? context.refuse('unknown-invoice');
      if (documentProblem(note)) context.refuse('wrong-arithmetic');
      requireLeft(context, left, note);
      // One that was declared has given its credit back.
      if (invoice.declaredIn === null) {
        releaseCredit(context, invoice, left, note.gross, 'credit-returned');
      }
    },
  },
  retainForMs: RETAIN_MS,
  mayRead(context, called) {
    const invoice = context.get('invoice', called.input.number ?? '');
    return invoice !== undefined && ofInvoice(context, called, invoice.transaction);
  },
  output: z.strictObject({ note: NumberSchema }),
  apply(context, { number, holding, parts }) {
    const invoice = ownInvoice(context, number);
    requireIssued(context, invoice, 'not-reversible');
    requireAsSeen(context, invoice, { holding, parts });
    if (invoice.parts.length >= PARTS_MAX) {
      context.reject('too-many-parts', `${PARTS_MAX} notes at the most take parts back.`);
    }
    const note = putNote(context, invoice);
    context.put('invoice', number, { ...invoice, parts: [...invoice.parts, note] });
    context.emit('reversed-in-part', { number, note });
    return { note };
  },
});

/** Each rate's part is no more than what is left of it, and something is left of the whole. */
function requireLeft(context: CheckContext, before: Left, note: InvoiceDocument): void {
  for (const part of groupsOf(note as never) ?? []) {
    const same = before.left.find((group) => groupKey(group) === groupKey(part));
    const left = same ?? context.refuse('unknown-rate');
    if (!isWithin(left.net, part.net) || !isWithin(left.tax, part.tax)) {
      context.refuse('more-than-left');
    }
  }
  const { gross } = totalLeft(before);
  if (note.gross <= 0 || note.gross > gross) context.refuse('more-than-left');
  if (note.gross === gross) context.refuse('nothing-left');
}
