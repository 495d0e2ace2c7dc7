/** Whether those who have to see a transaction's hidden values have signed it. */
import type { Caller } from '../contract/context.ts';
import type { TransactionDefinition } from '../contract/define.ts';
import { NODE_IDENTITY } from '../contract/system-records.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';

/**
 * The roles for which no endorser stands: the node (identity `node`) of a member that holds the role. `rolesOf` answers
 * the roles of a member.
 */
export function missingEndorsements(
  contract: string,
  { endorsement }: TransactionDefinition,
  endorsers: readonly Pick<Caller, 'member' | 'name'>[],
  rolesOf: (member: string) => readonly string[],
): readonly string[] {
  if (!endorsement) return [];
  const held = new Set(
    endorsers.flatMap(({ member, name }) => (name === NODE_IDENTITY ? rolesOf(member) : [])),
  );
  return endorsement.roles.filter((role) => !held.has(`${contract}.${role}`));
}

/** The refusal of a transaction that may not stand in a block yet. */
export const notEndorsed = (missing: readonly string[]): Rejected =>
  rejected('not-endorsed', 'Nodes that have to check its hidden values have not signed it.', {
    expected: [...missing],
  });
