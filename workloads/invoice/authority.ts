/**
 * What the tax bureau and the payment platform write: numbers, credit, payments; and declarations.
 */
import { z } from 'zod';
import { AmountSchema, CurrencySchema } from './document.ts';
import { requireMerchant } from './members.ts';
import { newRange, RANGE_REJECTS } from './numbers.ts';
import {
  CreditSchema,
  type Invoice,
  type InvoiceContext,
  MemberSchema,
  NumberSchema,
  PaymentSchema,
  PeriodSchema,
  RangeSchema,
  ReferenceSchema,
  transaction,
} from './records.ts';
import { addTo, leftGross, NEW_SELLER, withOutstanding } from './totals.ts';

const currency = CurrencySchema.default('CNY');

export const allotNumbers = transaction({
  summary: 'Allots a range of invoice numbers to a merchant.',
  roles: ['tax-bureau'],
  http: 'POST /allotments',
  rejects: ['unknown-merchant', ...RANGE_REJECTS],
  input: z.strictObject({ merchant: MemberSchema, from: NumberSchema, to: NumberSchema }),
  output: z.strictObject({ merchant: MemberSchema, range: RangeSchema }),
  apply(context, { merchant, from, to }) {
    requireMerchant(context, merchant, 'invoice.seller');
    const seller = context.get('seller', merchant) ?? NEW_SELLER;
    const range = newRange(context, seller.ranges, from, to);
    context.put('range', to, { merchant, from, to });
    context.put('seller', merchant, { ...seller, ranges: [...seller.ranges, range] });
    context.emit('numbers-allotted', { merchant, from, to });
    return { merchant, range };
  },
});

export const setCreditLimit = transaction({
  summary: 'Sets how much gross a merchant may have issued and not yet declared.',
  roles: ['tax-bureau'],
  http: 'POST /credit-limits',
  rejects: ['unknown-merchant', 'below-outstanding'],
  input: z.strictObject({ merchant: MemberSchema, currency, limit: AmountSchema.min(0) }),
  output: CreditSchema.extend({ merchant: MemberSchema, currency: CurrencySchema }),
  apply(context, { merchant, currency, limit }) {
    requireMerchant(context, merchant, 'invoice.seller');
    const seller = context.get('seller', merchant) ?? NEW_SELLER;
    const outstanding = seller.credit[currency]?.outstanding ?? 0;
    if (limit < outstanding) {
      context.reject('below-outstanding', 'More than this is outstanding.', {
        got: limit,
        expected: `at least ${outstanding}`,
      });
    }
    const credit = { ...seller.credit, [currency]: { limit, outstanding } };
    context.put('seller', merchant, { ...seller, credit });
    context.emit('credit-limit-set', { merchant, currency, limit });
    return { merchant, currency, limit, outstanding };
  },
});

export const recordPayment = transaction({
  summary: 'Records a payment that a merchant received; it can be invoiced once.',
  roles: ['payment-platform'],
  http: 'POST /payments',
  rejects: ['payment-exists', 'unknown-merchant'],
  input: z.strictObject({
    reference: ReferenceSchema,
    payee: MemberSchema,
    currency,
    amount: AmountSchema.min(1),
    /** A pseudonym: the ledger is public. */
    payer: PaymentSchema.shape.payer.unwrap().optional(),
  }),
  output: z.strictObject({ reference: ReferenceSchema }),
  apply(context, { reference, payee, currency, amount, payer = null }) {
    if (context.get('payment', reference)) {
      context.reject('payment-exists', 'A payment has this reference already.', {
        got: reference,
      });
    }
    requireMerchant(context, payee, 'invoice.seller');
    const platform = context.caller.member;
    const recorded = { recordedAt: context.time, invoice: null };
    const payment = { reference, platform, payee, payer, currency, amount, ...recorded };
    context.put('payment', reference, payment);
    context.emit('payment-recorded', { reference, payee });
    return { reference };
  },
});

export const declare = transaction({
  summary: 'Declares invoices and notes of a period to tax: the seller its own, the bureau any.',
  roles: ['seller', 'tax-bureau'],
  http: 'POST /declarations',
  rejects: ['unknown-invoice', 'not-yours', 'several-sellers', 'declared-already', 'later-period'],
  input: z.strictObject({
    period: PeriodSchema,
    numbers: z
      .array(NumberSchema)
      .min(1)
      .max(100)
      .refine((numbers) => new Set(numbers).size === numbers.length, 'each number once'),
  }),
  output: z.strictObject({ seller: MemberSchema, period: PeriodSchema, count: z.int() }),
  apply(context, { period, numbers }) {
    const invoices = numbers.map((number) => declarable(context, number, period));
    const merchant = invoices[0]!.seller;
    if (invoices.some(({ seller }) => seller !== merchant)) {
      context.reject('several-sellers', 'A declaration is about one seller.');
    }
    const key = `${merchant}/${period}`;
    const totals = { ...context.get('declaration', key)?.totals };
    let seller = context.get('seller', merchant)!;
    for (const invoice of invoices) {
      const { currency } = invoice.document;
      for (const group of invoice.groups) {
        const place = `${currency}/${group.category}/${group.rateBp}`;
        addTo(totals, place, { count: 1, net: group.net, tax: group.tax }, 1);
      }
      // Notes never took credit, so they give none back.
      const release = invoice.kind === 'invoice' ? leftGross(invoice) : 0;
      seller = withOutstanding(seller, currency, -release);
      context.put('invoice', invoice.number, { ...invoice, declaredIn: period });
    }
    context.put('seller', merchant, seller);
    context.put('declaration', key, { totals });
    context.emit('declared', { period, seller: merchant, count: invoices.length });
    return { seller: merchant, period, count: invoices.length };
  },
});

function declarable(context: InvoiceContext, number: string, period: string): Invoice {
  const invoice = context.get('invoice', number);
  if (!invoice) return context.reject('unknown-invoice', `There is no invoice ${number}.`);
  const { caller } = context;
  if (invoice.seller !== caller.member && !caller.roles.includes('invoice.tax-bureau')) {
    context.reject('not-yours', `The invoice ${number} is another seller’s.`);
  }
  if (invoice.declaredIn !== null) {
    context.reject('declared-already', `The invoice ${number} was declared already.`, {
      got: invoice.declaredIn,
    });
  }
  const month = invoice.document.issuedOn.slice(0, 7);
  if (month > period) {
    context.reject('later-period', `The invoice ${number} is of a later month than the period.`, {
      got: period,
      expected: `${month} or later`,
    });
  }
  return invoice;
}
