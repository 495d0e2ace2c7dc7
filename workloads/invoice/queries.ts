/**
 * Questions about invoices. This version keeps its fields public, for demonstration data: whoever
 * may read the ledger may ask; only the live sums are for the tax bureau, and for a seller its own.
 */
import { z } from 'zod';
import type { QueryContext } from '../../shared/contract/context.ts';
import { AmountSchema, CurrencySchema, TaxCategorySchema } from './document.ts';
import { neighbour } from './numbers.ts';
import {
  CreditSchema,
  EntrySchema,
  type Invoice,
  type InvoiceRecords,
  InvoiceSchema,
  MemberSchema,
  NumberSchema,
  PaymentSchema,
  query,
  RangeSchema,
  ReferenceSchema,
  STATUSES,
} from './records.ts';
import { currencySums, leftGross, totalsRows } from './totals.ts';

const limit = z.coerce.number().int().min(1).max(100).default(20);

export const invoice = query({
  summary: 'An invoice or a red-letter note by its number.',
  roles: [],
  http: 'GET /invoices/{number}',
  input: z.strictObject({ number: NumberSchema }),
  output: InvoiceSchema,
  answer: (context, { number }) =>
    context.get('invoice', number) ?? context.reject('not-found', `There is no invoice ${number}.`),
});

/** An invoice in a list: without its lines. */
const SummarySchema = InvoiceSchema.pick({
  number: true,
  kind: true,
  seller: true,
  issuedAt: true,
  status: true,
  holder: true,
  declaredIn: true,
  original: true,
}).extend({
  currency: CurrencySchema,
  issuedOn: z.string(),
  externalId: z.string().nullable(),
  gross: AmountSchema,
  /** Gross less what was reversed. */
  left: AmountSchema,
});

const summary = (full: Invoice): z.infer<typeof SummarySchema> => {
  const { number, kind, seller, issuedAt, status, holder, declaredIn, original, document } = full;
  const { currency, issuedOn, externalId = null, gross } = document;
  const left = leftGross(full);
  const own = { number, kind, seller, issuedAt, status, holder, declaredIn, original };
  return { ...own, currency, issuedOn, externalId, gross, left };
};

export const invoices = query({
  summary: 'Invoices and notes in the order of their numbers, of one seller or of all.',
  roles: [],
  http: 'GET /invoices',
  input: z.strictObject({
    seller: MemberSchema.optional(),
    /** With a seller: the one invoice that has this external id. */
    externalId: z.string().min(1).max(64).optional(),
    after: NumberSchema.optional(),
    limit,
  }),
  output: z.strictObject({
    invoices: z.array(SummarySchema),
    /** Where to go on; null at the end. */
    next: NumberSchema.nullable(),
  }),
  answer(context, { seller, externalId, after, limit }) {
    if (externalId !== undefined) {
      if (seller === undefined) context.reject('seller-missing', 'Name the seller as well.');
      const found = context.get('external', `${seller}/${externalId}`);
      const full = found && context.get('invoice', found.number);
      return { invoices: full ? [summary(full)] : [], next: null };
    }
    if (seller !== undefined) return invoicesOf(context, seller, after, limit);
    const found = scanInvoices(context, after, undefined, limit);
    const next = found.length < limit ? null : found.at(-1)!.number;
    return { invoices: found.map(summary), next };
  },
});

/** Scans of one page: an answer ends early, with a cursor, where a seller has many empty ranges. */
const SCANS_MAX = 10;

/** A seller's invoices lie in its ranges, which are no one else's. */
function invoicesOf(
  context: QueryContext<InvoiceRecords>,
  seller: string,
  after: string | undefined,
  limit: number,
) {
  const ranges = (context.get('seller', seller)?.ranges ?? [])
    .filter(({ to }) => after === undefined || to > after)
    .sort((a, b) => (a.from < b.from ? -1 : 1));
  const invoices: z.infer<typeof SummarySchema>[] = [];
  for (const { from, to } of ranges.slice(0, SCANS_MAX)) {
    const start = after !== undefined && after >= from ? after : neighbour(from, -1n);
    const rest = limit - invoices.length;
    invoices.push(...scanInvoices(context, start, to, rest).map(summary));
    if (invoices.length === limit) return { invoices, next: invoices.at(-1)!.number };
  }
  return { invoices, next: ranges[SCANS_MAX] ? ranges[SCANS_MAX - 1]!.to : null };
}

function scanInvoices(
  context: QueryContext<InvoiceRecords>,
  after: string | undefined,
  to: string | undefined,
  limit: number,
): Invoice[] {
  return context
    .scan('invoice', { limit, ...(after === undefined ? {} : { after }) })
    .map(({ value }) => value)
    .filter(({ number }) => to === undefined || number <= to);
}

export const check = query({
  summary: 'Whether an invoice of this number and gross amount is valid; tells nothing else.',
  roles: [],
  http: 'GET /invoices/{number}/check',
  input: z.strictObject({
    number: NumberSchema,
    /** In minor units. */
    gross: z.coerce.number().int(),
  }),
  output: z.strictObject({ result: z.enum(['valid', 'partly-reversed', 'reversed', 'unknown']) }),
  answer(context, { number, gross }) {
    const found = context.get('invoice', number);
    // A wrong amount and a wrong number are told the same, so that amounts can't be told from it.
    if (found?.document.gross !== gross) return { result: 'unknown' };
    if (found.status === 'reversed') return { result: 'reversed' };
    return { result: found.reversals.length > 0 ? 'partly-reversed' : 'valid' };
  },
});

export const payment = query({
  summary: 'A recorded payment, and the invoice that covers it.',
  roles: [],
  http: 'GET /payments/{reference}',
  input: z.strictObject({ reference: ReferenceSchema }),
  output: PaymentSchema,
  answer: (context, { reference }) =>
    context.get('payment', reference) ??
    context.reject('not-found', `There is no payment ${reference}.`),
});

export const allotments = query({
  summary: 'A merchant’s number ranges and credit.',
  roles: [],
  http: 'GET /allotments/{merchant}',
  input: z.strictObject({ merchant: MemberSchema }),
  output: z.strictObject({
    ranges: z.array(RangeSchema),
    credit: z.array(CreditSchema.extend({ currency: CurrencySchema })),
  }),
  answer(context, { merchant }) {
    const { ranges = [], credit = {} } = context.get('seller', merchant) ?? {};
    return { ranges, credit: creditRows(credit) };
  },
});

const creditRows = (credit: Readonly<Record<string, z.infer<typeof CreditSchema>>>) =>
  Object.entries(credit)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([currency, row]) => ({ currency, ...row }));

const SumsSchema = z.strictObject({
  currency: CurrencySchema,
  issued: z.int(),
  reversed: z.int(),
  creditNotes: z.int(),
  /** issued − reversed + creditNotes (these are negative). */
  total: z.int(),
});

export const totals = query({
  summary: 'Live sums by merchant, rate and status: for the tax bureau, and for a seller its own.',
  roles: ['tax-bureau', 'seller'],
  http: 'GET /totals',
  input: z.strictObject({
    seller: MemberSchema.optional(),
    after: MemberSchema.optional(),
    limit,
  }),
  output: z.strictObject({
    sellers: z.array(
      z.strictObject({
        seller: MemberSchema,
        credit: z.array(CreditSchema.extend({ currency: CurrencySchema })),
        rows: z.array(
          EntrySchema.extend({
            currency: CurrencySchema,
            status: z.enum(STATUSES),
            category: TaxCategorySchema,
            rateBp: z.int(),
          }),
        ),
        /** Gross by currency. */
        sums: z.array(SumsSchema),
      }),
    ),
    /** Gross by currency, of the sellers on this page together. */
    sums: z.array(SumsSchema),
    next: MemberSchema.nullable(),
  }),
  answer(context, { seller, after, limit }) {
    const isBureau = context.caller?.roles.includes('invoice.tax-bureau') === true;
    const only = isBureau ? seller : context.caller!.member;
    if (seller !== undefined && seller !== only) {
      context.reject('not-yours', 'A seller sees its own sums only.');
    }
    const found =
      only === undefined
        ? context.scan('seller', { limit, ...(after === undefined ? {} : { after }) })
        : [context.get('seller', only)].flatMap((value) => (value ? [{ key: only, value }] : []));
    const sellers = found.map(({ key, value }) => {
      const rows = totalsRows(value.totals);
      const credit = creditRows(value.credit);
      return { seller: key, credit, rows, sums: currencySums(rows) };
    });
    return {
      sellers,
      sums: currencySums(sellers.flatMap(({ rows }) => rows)),
      next: only === undefined && found.length === limit ? found.at(-1)!.key : null,
    };
  },
});
