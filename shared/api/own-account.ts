/**
 * What a member to be needs for a node in its own AWS account: the template, and where the template's code is.
 * Neither is secret.
 */
import { z } from 'zod';
import { JoinSchema } from './join.ts';
import { consortiumPath } from './node-api.ts';

/** The path at a gateway under which the code of nodes is: `<path>/<bundle>.zip`. */
export const codePath = (consortium: string): string => `${consortiumPath(consortium)}/code`;

/** What `GET …/join/own-account` answers. */
export const OwnAccountSchema = z.strictObject({
  join: JoinSchema,
  template: z.strictObject({
    /** Where CloudFormation and browsers read it, for an hour. */
    url: z.url(),
    /** Of the template, lower-case hex. */
    sha256: z.string(),
  }),
  /** Where the operator's own functions are. */
  region: z.string(),
});
export type OwnAccount = z.infer<typeof OwnAccountSchema>;

/** The parameters of the template, and what each is. */
export const OWN_ACCOUNT_PARAMETERS = {
  Consortium: 'The consortium’s name',
  Member: 'The id of the member that was invited',
  Description: 'What the members vote on besides keys, as JSON: name, identities, roles',
  Gateway: 'Where the consortium’s gateway answers',
  Ledger: 'The digest of the ledger’s genesis document: another ledger is refused',
  Invitation: 'The invitation that accepts, once: fuqi-invitation_…',
  Email: 'Who is told when something is wrong; nobody unless told',
  VoteConcurrency:
    'How many votes always have room; 0 where the account may not reserve any (a new account’s quota is 10)',
} as const;

/** A value for each parameter that has no default. */
export type OwnAccountParameters = Readonly<
  Record<Exclude<keyof typeof OWN_ACCOUNT_PARAMETERS, 'Email' | 'VoteConcurrency'>, string>
>;
