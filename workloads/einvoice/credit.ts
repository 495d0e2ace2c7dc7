/**
 * Red-letter notes to invoices that are not on this ledger. Nothing here says how much of such an invoice is left: the tax
 * bureau's node checks the arithmetic, and that its seller writes each note once.
 */
import { z } from 'zod';
import { textDigest } from '../../shared/contract/text-digest.ts';
import { CurrencySchema, DocumentShapeSchema, type InvoiceDocument } from '../invoice/document.ts';
import { activeMember } from '../invoice/members.ts';
import { NUMBER_REJECTS } from '../invoice/numbers.ts';
import { MemberSchema, NoteReasonSchema, NumberSchema } from '../invoice/records.ts';
import { documentProblem } from '../invoice/tax.ts';
import { HIDDEN_AMOUNTS, numbered, put } from './entry.ts';
import { forPeople } from './people.ts';
import { CreditNoteIdSchema, forHolder, RETAIN_MS, transaction } from './records.ts';

const { seller, buyer, rounding, note, externalId } = DocumentShapeSchema.shape;

export const credit = transaction({
  summary: 'Writes a red-letter note to an invoice that is not on this ledger.',
  roles: ['seller'],
  http: 'POST /einvoices/credit-notes',
  rejects: [...NUMBER_REJECTS, 'credit-noted-already'],
  input: z.strictObject({
    id: CreditNoteIdSchema,
    /** A chosen number of one's ranges; left out: the next free one. */
    number: NumberSchema.optional(),
    currency: CurrencySchema,
    rounding,
    /** The member that bought, if it is one. */
    to: forHolder(MemberSchema.optional()),
    /** The seller's own number of the note; each has another one. */
    externalId: forHolder(externalId.unwrap()),
    /** The invoice's reference elsewhere. */
    original: forHolder(z.string().min(1).max(64)),
    reason: forHolder(NoteReasonSchema),
    seller: forHolder(seller),
    buyer: forHolder(buyer),
    /** What is taken back, with an invoice's sign. */
    ...HIDDEN_AMOUNTS,
    note: forHolder(note),
  }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: ['wrong-arithmetic', 'negative-total', 'unknown-member', 'credit-noted-already'],
    check(context, { id: _, number: __, to, original: ___, reason: ____, ...rest }) {
      const document = rest as unknown as InvoiceDocument;
      if (documentProblem(document)) context.refuse('wrong-arithmetic');
      if (document.gross < 0) context.refuse('negative-total');
      if (to !== undefined && !activeMember(context, to)) context.refuse('unknown-member');
      const name = textDigest(`${context.caller.member} ${document.externalId}`);
      context.reserve(`credit note ${name}`, 1, 1, 'credit-noted-already');
    },
  },
  retainForMs: RETAIN_MS,
  mayRead: forPeople('seller', 'finance'),
  output: z.strictObject({ number: NumberSchema }),
  apply(context, { id, number: chosen, currency }) {
    const earlier = context.get('credit', id);
    if (earlier) {
      context.reject('credit-noted-already', 'A credit note was written under this id.', {
        got: earlier.note,
      });
    }
    const number = numbered(context, chosen);
    put(context, {
      ...{ number, status: 'note', currency, check: '', payments: [], counterpart: null },
    });
    context.put('credit', id, { note: number });
    context.emit('credit-noted', { number });
    return { number };
  },
});
