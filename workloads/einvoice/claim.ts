/**
 * What the buyer's side writes: an employee claims an invoice that the employer holds, finance decides and pays. An
 * invoice is in one open claim at most in the whole consortium, and is reimbursed once.
 */
import { z } from 'zod';
import { textDigest } from '../../shared/contract/text-digest.ts';
import {
  NumberSchema,
  PurposeSchema,
  ReferenceSchema,
  RefusalReasonSchema,
} from '../invoice/records.ts';
import { heldAs, holderOf } from './hidden.ts';
import {
  forBureau,
  type Invoice,
  type InvoiceContext,
  PARTS_MAX,
  RETAIN_MS,
  type Status,
  TransactionSchema,
  transaction,
} from './records.ts';

const NumberOnlySchema = z.strictObject({ number: NumberSchema });
type Claim = NonNullable<Invoice['claim']>;

export const claim = transaction({
  summary: 'An employee claims an invoice that the employer holds.',
  roles: ['employee'],
  http: 'POST /einvoices/{number}/claim',
  rejects: ['unknown-invoice', 'moved', 'not-claimable'],
  input: NumberOnlySchema.extend({
    /** As the invoice's record has it. */
    holding: TransactionSchema,
    /** How many parts of it were taken back, as its record has it. */
    parts: z.int().min(0).max(PARTS_MAX).default(0),
    purpose: forBureau(PurposeSchema),
  }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: ['unknown-invoice', 'not-held', 'moved'],
    check(context, { number = '', holding = '' }) {
      const invoice = heldAs(context, number, holding);
      if (holderOf(context, invoice) !== context.caller.member) context.refuse('not-held');
    },
  },
  retainForMs: RETAIN_MS,
  output: NumberOnlySchema,
  apply(context, { number, holding, parts }) {
    const invoice = invoiceOf(context, number);
    // Checked was who held it then, and whoever claims looked at what was left.
    if (invoice.holding !== holding || invoice.parts.length !== parts) {
      context.reject('moved', `The invoice ${number} was delivered or reversed in part by now.`);
    }
    if (invoice.status !== 'issued') {
      context.reject('not-claimable', `The invoice ${number} is ${invoice.status}.`, {
        got: invoice.status,
        expected: 'issued',
      });
    }
    const { member, name: employee } = context.caller;
    return move(context, invoice, 'claimed', { member, employee, state: 'open' });
  },
});

export const approve = transaction({
  summary: 'Finance approves an open claim of someone else.',
  roles: ['finance'],
  http: 'POST /einvoices/{number}/approve',
  rejects: ['unknown-invoice', 'not-yours', 'not-claimed', 'own-claim'],
  input: NumberOnlySchema,
  output: NumberOnlySchema,
  apply(context, { number }) {
    const { invoice, claim } = claimed(context, number, ['claimed']);
    if (claim.employee === context.caller.name) {
      context.reject('own-claim', `Whoever claimed ${number} can't approve it: four eyes.`);
    }
    return move(context, invoice, 'approved', { ...claim, state: 'approved' });
  },
});

export const refuse = transaction({
  summary: 'Finance refuses a claim, also one that it approved; the invoice is free again.',
  roles: ['finance'],
  http: 'POST /einvoices/{number}/refuse',
  rejects: ['unknown-invoice', 'not-yours', 'not-claimed'],
  input: NumberOnlySchema.extend({ reason: forBureau(RefusalReasonSchema) }),
  retainForMs: RETAIN_MS,
  output: NumberOnlySchema,
  apply(context, { number }) {
    const { invoice, claim } = claimed(context, number, ['claimed', 'approved']);
    return move(context, invoice, 'refused', { ...claim, state: 'refused' });
  },
});

export const withdraw = transaction({
  summary: 'The employee takes an open claim back; the invoice is free again.',
  roles: ['employee'],
  http: 'POST /einvoices/{number}/withdraw',
  rejects: ['unknown-invoice', 'not-yours', 'not-claimed'],
  input: NumberOnlySchema,
  output: NumberOnlySchema,
  apply(context, { number }) {
    const { invoice, claim } = claimed(context, number, ['claimed']);
    if (claim.employee !== context.caller.name) {
      context.reject('not-yours', `The claim on ${number} is another employee’s.`);
    }
    return move(context, invoice, 'withdrawn', { ...claim, state: 'withdrawn' });
  },
});

export const credited = transaction({
  summary: 'Finance records the bank payment that reimbursed an approved claim; it reimburses one.',
  roles: ['finance'],
  http: 'POST /einvoices/{number}/credited',
  rejects: ['unknown-invoice', 'not-yours', 'not-claimed'],
  input: NumberOnlySchema.extend({ payment: forBureau(ReferenceSchema) }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: ['payment-used'],
    check(context, { payment = '' }) {
      const name = `reimbursement ${textDigest(`${context.caller.member} ${payment}`)}`;
      context.reserve(name, 1, 1, 'payment-used');
    },
  },
  retainForMs: RETAIN_MS,
  output: NumberOnlySchema,
  apply(context, { number }) {
    const { invoice, claim } = claimed(context, number, ['approved']);
    return move(context, invoice, 'credited', { ...claim, state: 'credited' });
  },
});

const STATUS_AFTER = {
  claimed: 'claimed',
  approved: 'approved',
  refused: 'issued',
  withdrawn: 'issued',
  credited: 'credited',
} as const satisfies Readonly<Record<string, Status>>;

function invoiceOf(context: InvoiceContext, number: string): Invoice {
  return (
    context.get('invoice', number) ??
    context.reject('unknown-invoice', `There is no invoice ${number}.`)
  );
}

/** An invoice in a claim at the caller's member, in one of these statuses. */
function claimed(
  context: InvoiceContext,
  number: string,
  statuses: readonly Status[],
): { readonly invoice: Invoice; readonly claim: Claim } {
  const invoice = invoiceOf(context, number);
  const { claim, status } = invoice;
  if (!claim || !statuses.includes(status)) {
    return context.reject('not-claimed', `The invoice ${number} is ${status}.`, {
      got: status,
      expected: [...statuses],
    });
  }
  if (claim.member !== context.caller.member) {
    context.reject('not-yours', `The claim on ${number} is another member’s.`);
  }
  return { invoice, claim };
}

/** Stores what became of an invoice's claim, and tells of it. */
function move(
  context: InvoiceContext,
  invoice: Invoice,
  what: keyof typeof STATUS_AFTER,
  claim: Claim,
) {
  const { number } = invoice;
  context.put('invoice', number, { ...invoice, status: STATUS_AFTER[what], claim });
  context.emit(what, { number });
  return { number };
}
