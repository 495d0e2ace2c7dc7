/** A small contract for tests of confidential fields: deals, whose parties and price not everybody may know. */
import { z } from 'zod';
import type { Digest } from '../../shared/bytes/digest.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { confidential } from '../../shared/contract/confidential.ts';
import { contract } from '../../shared/contract/define.ts';
import { AttachmentSchema } from '../../shared/ledger/attachment.ts';

/** All that a member may sell. */
const SOLD_MAX = 1_000_000;

const readers = { parties: ['buyer'], roles: ['auditor'] };

export const deal = contract('deal', {
  version: 1,
  summary: 'Deals.',
  roles: { auditor: 'Sees all deals.' },
  records: { deal: z.strictObject({ seller: z.string(), at: z.int(), saw: z.array(z.string()) }) },
  events: {
    made: z.strictObject({ deal: z.string() }),
    offered: z.strictObject({ deal: z.string() }),
  },
  transactions: {
    make: {
      summary: 'Makes a deal.',
      roles: [],
      http: 'POST /deals/{deal}',
      rejects: ['made-already'],
      input: z.strictObject({
        deal: z.string().regex(/^[a-z0-9-]{1,40}$/),
        note: z.string().max(100).optional(),
        buyer: confidential(z.string().min(1).max(60), readers),
        price: confidential(z.int().min(1).max(1_000_000), readers),
        remark: confidential(z.string().max(1000).optional(), readers),
      }),
      output: z.null(),
      apply(context, input) {
        if (context.get('deal', input.deal)) {
          context.reject('made-already', 'This deal is made.');
        }
        const saw = Object.keys(input).sort();
        context.put('deal', input.deal, { seller: context.caller.member, at: context.time, saw });
        context.emit('made', { deal: input.deal });
        return null;
      },
    },
    offer: {
      summary: 'Offers a deal: who is to read it may get it later.',
      roles: [],
      input: z.strictObject({
        deal: z.string().regex(/^[a-z0-9-]{1,40}$/),
        buyer: confidential(z.string().min(1).max(60), readers),
        price: confidential(z.int().min(1).max(1_000_000), { roles: ['auditor'] }),
      }),
      deliverWithinMs: 60_000,
      output: z.null(),
      apply(context, { deal }) {
        context.emit('made', { deal });
        context.emit('offered', { deal });
        return null;
      },
    },
    sell: {
      summary: 'Makes a deal whose price the auditor’s node has to let pass.',
      roles: [],
      rejects: ['made-already'],
      input: z.strictObject({
        deal: z.string().regex(/^[a-z0-9-]{1,40}$/),
        price: confidential(z.int().min(1).max(1_000_000), { roles: ['auditor'] }),
      }),
      endorsement: {
        roles: ['auditor'],
        refuses: ['too-cheap', 'over-limit', 'made-already'],
        check(context, { deal, price = 0 }) {
          if (price < 10) context.refuse('too-cheap');
          // What all see already; somebody else may make it first all the same.
          if (deal === 'd-known' && context.get('deal', deal)) context.refuse('made-already');
          context.reserve(`sold by ${context.caller.member}`, price, SOLD_MAX, 'over-limit');
        },
      },
      output: z.null(),
      apply(context, { deal: name }) {
        if (context.get('deal', name)) context.reject('made-already', 'This deal is made.');
        context.put('deal', name, { seller: context.caller.member, at: context.time, saw: [] });
        return null;
      },
    },
    resell: {
      summary: 'Sells on for no less than what it was sold for.',
      roles: [],
      input: z.strictObject({
        of: z.string(),
        price: confidential(z.int().min(1).max(1_000_000), { roles: ['auditor'] }),
      }),
      endorsement: {
        roles: ['auditor'],
        refuses: ['unknown-sale', 'below-price'],
        check(context, { of = '', price = 0 }) {
          const sold = context.values(of)?.price;
          if (typeof sold !== 'number') return context.refuse('unknown-sale');
          if (price < sold) context.refuse('below-price');
        },
      },
      output: z.null(),
      apply: () => null,
    },
    file: {
      summary: 'Files papers of a deal.',
      roles: [],
      http: 'POST /deals/{deal}/papers',
      input: z.strictObject({
        deal: z.string().regex(/^[a-z0-9-]{1,40}$/),
        buyer: confidential(z.string().min(1).max(60), readers),
        papers: confidential(z.array(AttachmentSchema).max(20), readers),
      }),
      output: z.null(),
      apply: () => null,
    },
    quote: {
      summary: 'Quotes a price, which is forgotten soon.',
      roles: [],
      input: z.strictObject({
        price: confidential(z.int().min(1).max(1_000_000), { roles: ['auditor'] }),
      }),
      retainForMs: 1,
      output: z.null(),
      apply: () => null,
    },
  },
  queries: {},
});

export const dealCatalog = catalog([{ contract: deal, codeHash: '33'.repeat(32) as Digest }]);
