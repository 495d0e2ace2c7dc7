/**
 * Who of a member's people is shown what its node holds: by their roles, and an employee what was assigned to him. The
 * assignment is hidden, too; the ledger has that there is one.
 */
import { z } from 'zod';
import { NumberSchema, PersonSchema } from '../invoice/records.ts';
import {
  type CheckContext,
  forBureau,
  type PeopleContext,
  RETAIN_MS,
  transaction,
} from './records.ts';

type Role = 'tax-bureau' | 'payment-platform' | 'seller' | 'finance';

/** For the bureau's officers; for those with one role at the member that signed, with another one at the other readers. */
export const forPeople =
  (own: Role, other?: Role) =>
  ({ caller }: PeopleContext, { owner }: { readonly owner: string }): boolean => {
    const role = owner === caller.member ? own : other;
    return ['tax-bureau', role].some((one) => caller.roles.includes(`einvoice.${one}`));
  };

/** What an invoice, or a note over a part of it, is about: also for the employee that it is assigned to. */
export function ofInvoice(
  context: PeopleContext,
  called: { readonly owner: string },
  invoice: string,
): boolean {
  if (forPeople('seller', 'finance')(context, called)) return true;
  const { member, name } = context.caller;
  return assignedTo(context, member, invoice) === name;
}

/** Whom a member assigned an invoice to (by the transaction that issued it); undefined where to nobody. */
export function assignedTo(
  context: PeopleContext | CheckContext,
  member: string,
  invoice: string,
): unknown {
  const assignment = context.get('assignment', `${member}/${invoice}`);
  return (assignment && context.values(assignment.transaction)?.employee) ?? undefined;
}

export const assign = transaction({
  summary:
    'Finance assigns an invoice to one of its employees, who sees it then and alone may claim it; null takes that back.',
  roles: ['finance'],
  http: 'POST /einvoices/{number}/assign',
  rejects: ['unknown-invoice'],
  input: z.strictObject({
    number: NumberSchema,
    /** The name of an identity of the caller's member. */
    employee: forBureau(PersonSchema.nullable()),
  }),
  retainForMs: RETAIN_MS,
  mayRead: forPeople('finance'),
  output: z.strictObject({ number: NumberSchema }),
  apply(context, { number }) {
    const invoice = context.get('invoice', number);
    if (!invoice) return context.reject('unknown-invoice', `There is no invoice ${number}.`);
    const { member } = context.caller;
    // Of one that this member does not hold it says nothing to anybody else.
    context.put('assignment', `${member}/${invoice.transaction}`, {
      transaction: context.transactionId,
    });
    context.emit('assigned', { number, member });
    return { number };
  },
});
