/**
 * What the buyer's side writes: an employee claims invoices that the employer holds, finance decides and pays. A claim is
 * of one invoice or several, all of them or none; an invoice is in one claim at most in the whole consortium, and is
 * reimbursed once.
 */
import { z } from 'zod';
import { attachments } from '../../shared/contract/confidential-attachments.ts';
import { textDigest } from '../../shared/contract/text-digest.ts';
import {
  NumberSchema,
  PurposeSchema,
  ReferenceSchema,
  RefusalReasonSchema,
} from '../invoice/records.ts';
import { requireAsSeen, requireIssued } from './entry.ts';
import { heldAs, holderOf } from './hidden.ts';
import { assignedTo, forPeople } from './people.ts';
import {
  CLAIMED_MAX,
  type Claim,
  forBureau,
  type Invoice,
  type InvoiceContext,
  PARTS_MAX,
  RETAIN_MS,
  type Status,
  TransactionSchema,
  transaction,
} from './records.ts';

const ClaimOnlySchema = z.strictObject({ claim: TransactionSchema });
const ClaimedSchema = ClaimOnlySchema.extend({ numbers: z.array(NumberSchema) });

export const claim = transaction({
  summary: 'An employee claims invoices that the employer holds: all of them or none.',
  roles: ['employee'],
  http: 'POST /einvoices/claims',
  rejects: ['unknown-invoice', 'moved', 'not-claimable'],
  input: z.strictObject({
    /** Each as its record has it: who holds it, and how many parts of it were taken back. */
    invoices: z
      .array(
        z.strictObject({
          number: NumberSchema,
          holding: TransactionSchema,
          parts: z.int().min(0).max(PARTS_MAX).default(0),
        }),
      )
      .min(1)
      .max(CLAIMED_MAX)
      .refine(
        (list) => new Set(list.map(({ number }) => number)).size === list.length,
        'each invoice once',
      ),
    purpose: forBureau(PurposeSchema),
    /** Tickets, receipts, photographs: the employer's own affair. */
    attachments: attachments({}),
  }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: ['unknown-invoice', 'not-held', 'moved', 'assigned-to-another'],
    check(context, { invoices = [] }) {
      const held = invoices.map(({ number, holding }) => heldAs(context, number, holding));
      // All are asked for before the first is looked at: one round to the vault.
      const holders = held.map((invoice) => holderOf(context, invoice));
      const { member, name } = context.caller;
      const assigned = held.map(({ transaction: id }) => assignedTo(context, member, id));
      if (holders.some((holder) => holder !== member)) context.refuse('not-held');
      if (assigned.some((one) => one !== undefined && one !== name)) {
        context.refuse('assigned-to-another');
      }
    },
  },
  retainForMs: RETAIN_MS,
  mayRead: forPeople('finance'),
  output: ClaimedSchema,
  apply(context, { invoices }) {
    for (const { number, holding, parts } of invoices) {
      const invoice = context.get('invoice', number);
      if (!invoice) return context.reject('unknown-invoice', `There is no invoice ${number}.`);
      // Checked was who held it then, and whoever claims looked at what was left.
      requireAsSeen(context, invoice, { holding, parts });
      requireIssued(context, invoice, 'not-claimable');
    }
    const { member, name: employee } = context.caller;
    const id = context.transactionId;
    const numbers = invoices.map(({ number }) => number);
    return move(context, { id, member, employee, numbers, state: 'open' }, 'claimed');
  },
});

export const approve = transaction({
  summary: 'Finance approves an open claim of someone else.',
  roles: ['finance'],
  http: 'POST /einvoices/claims/{claim}/approve',
  rejects: ['unknown-claim', 'not-yours', 'not-open', 'own-claim'],
  input: ClaimOnlySchema,
  output: ClaimedSchema,
  apply(context, { claim: id }) {
    const found = ownClaim(context, id, ['open']);
    if (found.employee === context.caller.name) {
      context.reject('own-claim', 'Whoever claimed can’t approve it: four eyes.');
    }
    return move(context, { ...found, state: 'approved' }, 'approved');
  },
});

export const refuse = transaction({
  summary: 'Finance refuses a claim, also one that it approved; its invoices are free again.',
  roles: ['finance'],
  http: 'POST /einvoices/claims/{claim}/refuse',
  rejects: ['unknown-claim', 'not-yours', 'not-open'],
  input: ClaimOnlySchema.extend({ reason: forBureau(RefusalReasonSchema) }),
  retainForMs: RETAIN_MS,
  mayRead(context, called) {
    const { member, name } = context.caller;
    const found = context.get('claim', called.input.claim ?? '');
    const isClaimant = found?.member === member && found.employee === name;
    return isClaimant || forPeople('finance')(context, called);
  },
  output: ClaimedSchema,
  apply(context, { claim: id }) {
    const found = ownClaim(context, id, ['open', 'approved']);
    return move(context, { ...found, state: 'refused' }, 'refused');
  },
});

export const withdraw = transaction({
  summary: 'The employee takes an open claim back; its invoices are free again.',
  roles: ['employee'],
  http: 'POST /einvoices/claims/{claim}/withdraw',
  rejects: ['unknown-claim', 'not-yours', 'not-open'],
  input: ClaimOnlySchema,
  output: ClaimedSchema,
  apply(context, { claim: id }) {
    const found = ownClaim(context, id, ['open']);
    if (found.employee !== context.caller.name) {
      context.reject('not-yours', 'The claim is another employee’s.');
    }
    return move(context, { ...found, state: 'withdrawn' }, 'withdrawn');
  },
});

export const credited = transaction({
  summary: 'Finance records the bank payment that reimbursed an approved claim; it reimburses one.',
  roles: ['finance'],
  http: 'POST /einvoices/claims/{claim}/credited',
  rejects: ['unknown-claim', 'not-yours', 'not-open'],
  input: ClaimOnlySchema.extend({ payment: forBureau(ReferenceSchema) }),
  endorsement: {
    roles: ['tax-bureau'],
    refuses: ['payment-used'],
    check(context, { payment = '' }) {
      const name = `reimbursement ${textDigest(`${context.caller.member} ${payment}`)}`;
      context.reserve(name, 1, 1, 'payment-used');
    },
  },
  retainForMs: RETAIN_MS,
  mayRead: forPeople('finance'),
  output: ClaimedSchema,
  apply(context, { claim: id }) {
    const found = ownClaim(context, id, ['approved']);
    return move(context, { ...found, state: 'credited' }, 'credited');
  },
});

const STATUS_AFTER = {
  claimed: 'claimed',
  approved: 'approved',
  refused: 'issued',
  withdrawn: 'issued',
  credited: 'credited',
} as const satisfies Readonly<Record<string, Status>>;

/** A claim of the caller's member, in one of these states. */
function ownClaim(context: InvoiceContext, id: string, states: readonly Claim['state'][]): Claim {
  const found = context.get('claim', id);
  if (!found) return context.reject('unknown-claim', 'There is no such claim.', { got: id });
  if (found.member !== context.caller.member) {
    context.reject('not-yours', 'The claim is another member’s.');
  }
  if (!states.includes(found.state)) {
    context.reject('not-open', `The claim is ${found.state}.`, {
      got: found.state,
      expected: [...states],
    });
  }
  return found;
}

/** Stores what became of a claim and of its invoices, and tells of it. */
function move(context: InvoiceContext, after: Claim, what: keyof typeof STATUS_AFTER) {
  const { id, numbers } = after;
  const status = STATUS_AFTER[what];
  context.put('claim', id, after);
  for (const number of numbers) {
    const invoice: Invoice = context.get('invoice', number)!;
    context.put('invoice', number, { ...invoice, status, claim: status === 'issued' ? null : id });
  }
  const told = { claim: id, numbers: [...numbers] };
  context.emit(what, told);
  return told;
}
