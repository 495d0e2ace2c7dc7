/** What `bench:confidential` calls: invoices in small, once public, once with eight confidential fields. */
import { z } from 'zod';
import { confidential } from '../../shared/contract/confidential.ts';
import { contract } from '../../shared/contract/define.ts';

/** Three read each field: two parties and the bureau. */
const readers = { parties: ['buyer', 'carrier'], roles: ['bureau'] };
const text = z.string().min(1).max(200);
const amount = z.int().min(0).max(1_000_000_000);

const FIELDS = {
  buyer: text,
  carrier: text,
  taxId: text,
  address: text,
  description: text,
  net: amount,
  tax: amount,
  gross: amount,
};
const note = z.string().regex(/^[a-z0-9-]{1,60}$/);
const hidden = z.strictObject({
  note,
  buyer: confidential(FIELDS.buyer, readers),
  carrier: confidential(FIELDS.carrier, readers),
  taxId: confidential(FIELDS.taxId, readers),
  address: confidential(FIELDS.address, readers),
  description: confidential(FIELDS.description, readers),
  net: confidential(FIELDS.net, readers),
  tax: confidential(FIELDS.tax, readers),
  gross: confidential(FIELDS.gross, readers),
});

export const notes = contract('notes', {
  version: 1,
  summary: 'Notes for a benchmark.',
  roles: { bureau: 'Reads all notes, and checks their sums.' },
  records: { note: z.strictObject({ by: z.string() }) },
  events: {},
  transactions: {
    open: {
      summary: 'A note that all read.',
      roles: [],
      http: 'POST /open-notes/{note}',
      input: z.strictObject({ note, ...FIELDS }),
      output: z.null(),
      apply(context, { note: name }) {
        context.put('note', name, { by: context.caller.member });
        return null;
      },
    },
    hidden: {
      summary: 'A note that three read.',
      roles: [],
      http: 'POST /hidden-notes/{note}',
      input: hidden,
      output: z.null(),
      apply(context, { note: name }) {
        context.put('note', name, { by: context.caller.member });
        return null;
      },
    },
    checked: {
      summary: 'A note that three read, whose sum the bureau’s node has checked.',
      roles: [],
      http: 'POST /checked-notes/{note}',
      input: hidden,
      endorsement: {
        roles: ['bureau'],
        refuses: ['wrong-sum', 'over-limit'],
        check(context, { net = 0, tax = 0, gross = 0 }) {
          if (net + tax !== gross) context.refuse('wrong-sum');
          const all = `by ${context.caller.member}`;
          context.reserve(all, gross, Number.MAX_SAFE_INTEGER - 1, 'over-limit');
        },
      },
      output: z.null(),
      apply(context, { note: name }) {
        context.put('note', name, { by: context.caller.member });
        return null;
      },
    },
  },
  queries: {},
});
