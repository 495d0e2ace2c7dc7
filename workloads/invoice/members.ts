/**
 * Members as the invoice contract needs them: whether one is there, and whether it may sell.
 */
import type { MemberRecord } from '../../shared/contract/system-records.ts';
import type { InvoiceContext } from './records.ts';

const activeMember = (context: InvoiceContext, id: string): MemberRecord | undefined => {
  const member = context.lookup('governance', 'member', id) as MemberRecord | undefined;
  return member?.active ? member : undefined;
};

/** Rejects with `unknown-member` where there is no active member of this id. */
export function requireMember(context: InvoiceContext, id: string): void {
  if (!activeMember(context, id)) {
    context.reject('unknown-member', 'There is no active member of this id.', { got: id });
  }
}

/** Rejects with `unknown-merchant` where no active member of this id may sell. */
export function requireMerchant(context: InvoiceContext, id: string): void {
  if (!activeMember(context, id)?.roles.includes('invoice.seller')) {
    context.reject('unknown-merchant', 'No active member of this id may sell.', {
      got: id,
      expected: 'a member with the role invoice.seller',
    });
  }
}
