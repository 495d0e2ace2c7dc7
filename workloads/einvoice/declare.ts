/** Declarations to tax, which give sellers their credit back. */
import { z } from 'zod';
import { AmountSchema } from '../invoice/document.ts';
import { MemberSchema, NumberSchema, PeriodSchema } from '../invoice/records.ts';
import { totalOf } from '../invoice/tax.ts';
import { giveCreditBack, knownInvoice } from './hidden.ts';
import { groupsOf, leftOfInvoice, totalLeft } from './left.ts';
import { forPeople } from './people.ts';
import {
  type CheckContext,
  forBureau,
  type Invoice,
  type InvoiceContext,
  RETAIN_MS,
  transaction,
} from './records.ts';

export const declare = transaction({
  summary: 'Declares a seller’s invoices and notes of a period to tax.',
  roles: ['seller'],
  http: 'POST /einvoices/declarations',
  rejects: ['unknown-invoice', 'not-yours', 'declared-already'],
  input: z.strictObject({
    period: PeriodSchema,
    numbers: z
      .array(NumberSchema)
      .min(1)
      .max(50)
      .refine((numbers) => new Set(numbers).size === numbers.length, 'each number once'),
    /** What these come to together; a note takes off what it takes back. */
    net: forBureau(AmountSchema),
    tax: forBureau(AmountSchema),
  }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: [
      'unknown-invoice',
      'declared-already',
      'later-period',
      'several-currencies',
      'wrong-total',
    ],
    check(context, { period = '', numbers = [], net, tax }) {
      const invoices = numbers.map((number) => knownInvoice(context, number));
      if (new Set(invoices.map(({ currency }) => currency)).size > 1) {
        context.refuse('several-currencies');
      }
      // All are asked for before the first is looked at: one round to the vault.
      const amounts = invoices.map((invoice) => amountsOf(context, invoice));
      const sum = { net: 0, tax: 0 };
      for (const [index, invoice] of invoices.entries()) {
        const { issuedOn, sign, ...own } = amounts[index] ?? context.refuse('unknown-invoice');
        if (issuedOn.slice(0, 7) > period) context.refuse('later-period');
        sum.net += sign * own.net;
        sum.tax += sign * own.tax;
        // Notes never took credit, and whoever took an invoice back gave it back.
        if (invoice.status !== 'note' && invoice.status !== 'reversed') {
          giveCreditBack(context, invoice, 'declared-already');
        }
      }
      if (sum.net !== net || sum.tax !== tax) context.refuse('wrong-total');
    },
  },
  retainForMs: RETAIN_MS,
  mayRead: forPeople('seller'),
  output: z.strictObject({ seller: MemberSchema, period: PeriodSchema, count: z.int() }),
  apply(context, { period, numbers }) {
    const seller = context.caller.member;
    for (const number of numbers) {
      const invoice = declarable(context, number);
      context.put('invoice', number, { ...invoice, declaredIn: period });
    }
    context.emit('declared', { seller, period, numbers });
    return { seller, period, count: numbers.length };
  },
});

/**
 * What an invoice was issued over, or a note takes back: amounts of its own, or all that was left then. Undefined where the
 * bureau has no values of it.
 */
function amountsOf(context: CheckContext, invoice: Invoice) {
  const { status, transaction, counterpart } = invoice;
  const values = context.values(transaction);
  if (status !== 'note') {
    return (
      values && { ...totalOf(groupsOf(values)!), issuedOn: values.issuedOn as string, sign: 1 }
    );
  }
  const part = groupsOf(values);
  if (part) return { ...totalOf(part), issuedOn: values!.issuedOn as string, sign: -1 };
  const original = counterpart === null ? undefined : context.get('invoice', counterpart);
  const left = original && leftOfInvoice(context, original);
  return left && { ...totalLeft(left), issuedOn: left.issuedOn, sign: -1 };
}

function declarable(context: InvoiceContext, number: string): Invoice {
  const invoice = context.get('invoice', number);
  if (!invoice) return context.reject('unknown-invoice', `There is no invoice ${number}.`);
  if (invoice.seller !== context.caller.member) {
    context.reject('not-yours', `The invoice ${number} is another seller’s.`);
  }
  if (invoice.declaredIn !== null) {
    context.reject('declared-already', `The invoice ${number} was declared already.`, {
      got: invoice.declaredIn,
    });
  }
  return invoice;
}
