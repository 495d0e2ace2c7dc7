/** What the tax bureau and the payment platforms write: numbers, credit limits, payments. */
import { z } from 'zod';
import { confidential } from '../../shared/contract/confidential.ts';
import { textDigest } from '../../shared/contract/text-digest.ts';
import { AmountSchema, CurrencySchema } from '../invoice/document.ts';
import { requireMerchant } from '../invoice/members.ts';
import { newRange, RANGE_REJECTS } from '../invoice/numbers.ts';
import { MemberSchema, NumberSchema, RangeSchema, ReferenceSchema } from '../invoice/records.ts';
import { forPeople } from './people.ts';
import { PaymentIdSchema, RETAIN_MS, transaction } from './records.ts';

export const allotNumbers = transaction({
  summary: 'Allots a range of invoice numbers to a merchant.',
  roles: ['tax-bureau'],
  http: 'POST /einvoices/allotments',
  rejects: ['unknown-merchant', ...RANGE_REJECTS],
  input: z.strictObject({ merchant: MemberSchema, from: NumberSchema, to: NumberSchema }),
  output: z.strictObject({ merchant: MemberSchema, range: RangeSchema }),
  apply(context, { merchant, from, to }) {
    requireMerchant(context, merchant, 'einvoice.seller');
    const { ranges } = context.get('seller', merchant) ?? { ranges: [] };
    const range = newRange(context, ranges, from, to);
    context.put('range', to, { merchant, from, to });
    context.put('seller', merchant, { ranges: [...ranges, range] });
    context.emit('numbers-allotted', { merchant });
    return { merchant, range };
  },
});

export const setCreditLimit = transaction({
  summary:
    'Sets how much gross a merchant may have issued and not yet declared; the bureau and the merchant know it.',
  roles: ['tax-bureau'],
  http: 'POST /einvoices/credit-limits',
  rejects: ['unknown-merchant'],
  input: z.strictObject({
    merchant: MemberSchema,
    currency: CurrencySchema,
    limit: confidential(AmountSchema.min(0), { parties: ['merchant'], roles: ['tax-bureau'] }),
  }),
  mayRead: forPeople('tax-bureau', 'seller'),
  output: z.null(),
  apply(context, { merchant, currency }) {
    requireMerchant(context, merchant, 'einvoice.seller');
    context.put('limit', `${merchant}/${currency}`, { transaction: context.transactionId });
    context.emit('credit-limit-set', { merchant, currency });
    return null;
  },
});

const payment = { parties: ['payee'], roles: ['tax-bureau'] };

export const recordPayment = transaction({
  summary: 'Records a payment that a merchant received; it is recorded once, and invoiced once.',
  roles: ['payment-platform'],
  http: 'POST /einvoices/payments',
  rejects: ['payment-exists'],
  input: z.strictObject({
    /** A random id (UUID), under which an invoice names the payment. */
    id: PaymentIdSchema,
    /** The platform's own. */
    reference: confidential(ReferenceSchema, payment),
    payee: confidential(MemberSchema, payment),
    currency: confidential(CurrencySchema, payment),
    amount: confidential(AmountSchema.min(1), payment),
    payer: confidential(z.string().min(1).max(64).optional(), payment),
  }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: ['payment-exists'],
    check(context, { reference = '' }) {
      const name = `payment ${textDigest(`${context.caller.member} ${reference}`)}`;
      context.reserve(name, 1, 1, 'payment-exists');
    },
  },
  retainForMs: RETAIN_MS,
  mayRead: forPeople('payment-platform', 'seller'),
  output: z.strictObject({ id: PaymentIdSchema }),
  apply(context, { id }) {
    if (context.get('payment', id)) {
      context.reject('payment-exists', 'A payment has this id already.', { got: id });
    }
    context.put('payment', id, {
      transaction: context.transactionId,
      platform: context.caller.member,
      recordedAt: context.time,
      invoice: null,
    });
    context.emit('payment-recorded', { id });
    return { id };
  },
});
