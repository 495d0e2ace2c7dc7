/**
 * Members as the invoice contracts need them: whether one is there, and whether it may sell.
 */
import type { RecordReader } from '../../shared/contract/context.ts';
import type { MemberRecord } from '../../shared/contract/system-records.ts';

type Lookup = Pick<RecordReader<Record<never, never>>, 'lookup'>;
interface Rejecting extends Lookup {
  reject(reason: string, message: string, more: { got: string; expected?: string }): never;
}

/** The record of an active member. */
export function activeMember(context: Lookup, id: string): MemberRecord | undefined {
  const member = context.lookup('governance', 'member', id) as MemberRecord | undefined;
  return member?.active ? member : undefined;
}

/** Rejects with `unknown-member` where there is no active member of this id. */
export function requireMember(context: Rejecting, id: string): void {
  if (!activeMember(context, id)) {
    context.reject('unknown-member', 'There is no active member of this id.', { got: id });
  }
}

/** Rejects with `unknown-merchant` where no active member of this id may sell: holds the role. */
export function requireMerchant(
  context: Rejecting,
  id: string,
  role: 'invoice.seller' | 'einvoice.seller',
): void {
  if (!activeMember(context, id)?.roles.includes(role)) {
    context.reject('unknown-merchant', 'No active member of this id may sell.', {
      got: id,
      expected: `a member with the role ${role}`,
    });
  }
}
