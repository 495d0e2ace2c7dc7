/** Who may have the values of a record, and what is said where none of them gives them. */
import { confidentialFields } from '../contract/confidential.ts';
import type { ValuesRecord } from '../contract/confidential-records.ts';
import { type Rejected, rejected } from '../ledger/rejection.ts';
import { activeMembers, definitionNow } from './readers.ts';
import type { Replica } from './replica.ts';

/** The roles that read some field of such calls, by their full names. */
export async function readingRoles(
  replica: Replica,
  { contract, method }: Pick<ValuesRecord, 'contract' | 'method'>,
): Promise<readonly string[]> {
  const definition = await definitionNow(replica, contract, method);
  const fields = definition ? [...confidentialFields(definition.input).values()] : [];
  return fields.flatMap(({ roles = [] }) => roles.map((role) => `${contract}.${role}`));
}

/** The owner first, then those who read by their role: parties that the record itself names are nobody's to know. */
export async function holdersOf(replica: Replica, record: ValuesRecord): Promise<string[]> {
  const roles = await readingRoles(replica, record);
  const others = (await activeMembers(replica))
    .filter((member) => member.roles.some((role) => roles.includes(role)))
    .map(({ id }) => id);
  return [...new Set([record.owner, ...others])].filter((member) => member !== replica.member);
}

/** The refusal where nobody gives what he should. */
export const unavailable = (): Rejected =>
  rejected(
    'holder-unavailable',
    'No node that holds these values gave them now; ask again in a moment, or dispute it where that stays so.',
  );
