/**
 * What the buyer's side writes: whoever holds an invoice assigns it to an employer, employees claim
 * it, finance decides and pays. An invoice is in one open claim at most and reimbursed once.
 */
import { z } from 'zod';
import { AmountSchema } from './document.ts';
import { requireMember } from './members.ts';
import {
  type Invoice,
  type InvoiceContext,
  MemberSchema,
  NumberSchema,
  PurposeSchema,
  ReferenceSchema,
  RefusalReasonSchema,
  type Status,
  transaction,
} from './records.ts';
import { leftGross, retotalled } from './totals.ts';

const NumberOnlySchema = z.strictObject({ number: NumberSchema });
type Claim = NonNullable<Invoice['claim']>;

export const assign = transaction({
  summary: 'The person who holds an invoice assigns it to an employer.',
  roles: ['employee'],
  http: 'POST /invoices/{number}/assign',
  rejects: ['unknown-invoice', 'not-held', 'not-claimable', 'unknown-member'],
  input: NumberOnlySchema.extend({
    /** Left out: the member that the person belongs to here. */
    employer: MemberSchema.optional(),
  }),
  output: NumberOnlySchema,
  apply(context, { number, employer = context.caller.member }) {
    const invoice = heldInvoice(context, number);
    requireIssued(context, invoice);
    requireMember(context, employer);
    context.put('invoice', number, { ...invoice, holder: { member: employer, person: null } });
    context.emit('assigned', { number, seller: invoice.seller, member: employer });
    return { number };
  },
});

export const claim = transaction({
  summary: 'An employee claims what is left of an invoice that the employer holds.',
  roles: ['employee'],
  http: 'POST /invoices/{number}/claim',
  rejects: ['unknown-invoice', 'not-held', 'not-claimable'],
  input: NumberOnlySchema.extend({ purpose: PurposeSchema.default('other') }),
  output: NumberOnlySchema.extend({ amount: AmountSchema }),
  apply(context, { number, purpose }) {
    const invoice = heldInvoice(context, number);
    requireIssued(context, invoice);
    const amount = leftGross(invoice);
    const { member, name: employee } = context.caller;
    move(context, invoice, 'claimed', {
      member,
      employee,
      purpose,
      amount,
      claimedAt: context.time,
      state: 'open',
      refusal: null,
      payment: null,
    });
    context.emit('claimed', { number, seller: invoice.seller, member, amount });
    return { number, amount };
  },
});

export const approve = transaction({
  summary: 'Finance approves an open claim of someone else.',
  roles: ['finance'],
  http: 'POST /invoices/{number}/approve',
  rejects: ['unknown-invoice', 'not-yours', 'not-claimed', 'own-claim'],
  input: NumberOnlySchema,
  output: NumberOnlySchema,
  apply(context, { number }) {
    const { invoice, claim } = claimed(context, number, ['claimed']);
    if (claim.employee === context.caller.name) {
      context.reject('own-claim', `Whoever claimed ${number} can't approve it: four eyes.`);
    }
    move(context, invoice, 'approved', { ...claim, state: 'approved' });
    context.emit('approved', { number, seller: invoice.seller, member: claim.member });
    return { number };
  },
});

export const refuse = transaction({
  summary: 'Finance refuses a claim, also one that it approved; the invoice is free again.',
  roles: ['finance'],
  http: 'POST /invoices/{number}/refuse',
  rejects: ['unknown-invoice', 'not-yours', 'not-claimed'],
  input: NumberOnlySchema.extend({ reason: RefusalReasonSchema }),
  output: NumberOnlySchema,
  apply(context, { number, reason }) {
    const { invoice, claim } = claimed(context, number, ['claimed', 'approved']);
    move(context, invoice, 'issued', { ...claim, state: 'refused', refusal: reason });
    context.emit('refused', { number, seller: invoice.seller, member: claim.member, reason });
    return { number };
  },
});

export const withdraw = transaction({
  summary: 'The employee takes an open claim back; the invoice is free again.',
  roles: ['employee'],
  http: 'POST /invoices/{number}/withdraw',
  rejects: ['unknown-invoice', 'not-yours', 'not-claimed'],
  input: NumberOnlySchema,
  output: NumberOnlySchema,
  apply(context, { number }) {
    const { invoice, claim } = claimed(context, number, ['claimed']);
    if (claim.employee !== context.caller.name) {
      context.reject('not-yours', `The claim on ${number} is another employee’s.`);
    }
    move(context, invoice, 'issued', { ...claim, state: 'withdrawn' });
    context.emit('withdrawn', { number, seller: invoice.seller, member: claim.member });
    return { number };
  },
});

export const credited = transaction({
  summary: 'Finance records the bank payment that reimbursed an approved claim.',
  roles: ['finance'],
  http: 'POST /invoices/{number}/credited',
  rejects: ['unknown-invoice', 'not-yours', 'not-claimed', 'payment-used'],
  input: NumberOnlySchema.extend({ payment: ReferenceSchema }),
  output: NumberOnlySchema,
  apply(context, { number, payment }) {
    const { invoice, claim } = claimed(context, number, ['approved']);
    const key = `${claim.member}/${payment}`;
    const used = context.get('reimbursement', key);
    if (used) {
      context.reject('payment-used', `The bank payment ${payment} reimbursed another claim.`, {
        got: used.number,
      });
    }
    context.put('reimbursement', key, { number });
    move(context, invoice, 'credited', { ...claim, state: 'credited', payment });
    context.emit('credited', { number, seller: invoice.seller, member: claim.member, payment });
    return { number };
  },
});

/** An invoice that the caller's member holds, all of it or the caller alone. */
function heldInvoice(context: InvoiceContext, number: string): Invoice {
  const invoice = context.get('invoice', number);
  if (!invoice) return context.reject('unknown-invoice', `There is no invoice ${number}.`);
  const { holder } = invoice;
  const { member, name } = context.caller;
  if (holder?.member !== member || (holder.person !== null && holder.person !== name)) {
    context.reject('not-held', `The invoice ${number} was delivered to someone else, or no one.`);
  }
  return invoice;
}

function requireIssued(context: InvoiceContext, { number, status }: Invoice): void {
  if (status !== 'issued') {
    context.reject('not-claimable', `The invoice ${number} is ${status}.`, {
      got: status,
      expected: 'issued',
    });
  }
}

/** An invoice in a claim at the caller's member, in one of these statuses. */
function claimed(
  context: InvoiceContext,
  number: string,
  statuses: readonly Status[],
): { readonly invoice: Invoice; readonly claim: Claim } {
  const invoice = context.get('invoice', number);
  if (!invoice) return context.reject('unknown-invoice', `There is no invoice ${number}.`);
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

/** Stores an invoice with its new status and claim, and moves its amounts in the seller's sums. */
function move(context: InvoiceContext, before: Invoice, status: Status, claim: Claim): void {
  const after: Invoice = { ...before, status, claim };
  const seller = context.get('seller', before.seller)!;
  context.put('invoice', before.number, after);
  const totals = retotalled(seller.totals, before, after);
  context.put('seller', before.seller, { ...seller, totals });
}
