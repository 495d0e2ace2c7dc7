/** Members as this contract needs them. */
import type { RecordReader } from '../../shared/contract/context.ts';
import type { MemberRecord } from '../../shared/contract/system-records.ts';
import type { InvoiceContext, records } from './records.ts';

/** The record of an active member. */
export function activeMember(
  context: RecordReader<typeof records>,
  id: string,
): MemberRecord | undefined {
  const member = context.lookup('governance', 'member', id) as MemberRecord | undefined;
  return member?.active ? member : undefined;
}

/** Rejects with `unknown-merchant` where no active member of this id may sell. */
export function requireMerchant(context: InvoiceContext, id: string): void {
  if (!activeMember(context, id)?.roles.includes('einvoice.seller')) {
    context.reject('unknown-merchant', 'No active member of this id may sell.', {
      got: id,
      expected: 'a member with the role einvoice.seller',
    });
  }
}
