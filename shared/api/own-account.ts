/**
 * What a member to be needs for a node in its own AWS account: the template, and where the template's code is.
 * Neither is secret.
 */
import { z } from 'zod';
import { type Join, JoinSchema } from './join.ts';
import { consortiumPath } from './node-api.ts';

/** The path at a gateway under which the code of nodes is: `<path>/<bundle>.zip`. */
export const codePath = (consortium: string): string => `${consortiumPath(consortium)}/code`;

/** What is launched, with the parameters that are no secret. */
const LaunchSchema = z.strictObject({
  stackName: z.string(),
  region: z.string(),
  /** All but the invitation. */
  parameters: z.record(z.string(), z.string()),
  /** Opens the CloudFormation console with all of it. */
  link: z.url(),
});
export type Launch = z.infer<typeof LaunchSchema>;

/** What `GET …/join/own-account` answers. */
export const OwnAccountSchema = z.strictObject({
  join: JoinSchema,
  /** Where the query says the gateway: what a browser opens. */
  launch: LaunchSchema.optional(),
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

export interface LaunchOptions {
  readonly consortium: string;
  readonly ledger: string;
  readonly gateway: string;
  readonly invitation: Pick<Join['invitation'], 'member' | 'validator' | 'roles'>;
  /** The member's name; its id unless told. */
  readonly name?: string | undefined;
  /** Identities besides `admin`, with their roles. */
  readonly identities: Readonly<Record<string, readonly string[]>>;
  readonly region: string;
  readonly templateUrl: string;
}

/** What is launched: a stack of this name with these parameters, by a quick-create link (CloudFormation User Guide). */
export function launchOf(options: LaunchOptions): Launch {
  const { consortium, ledger, gateway, invitation, identities, region, templateUrl } = options;
  const { member, validator, roles } = invitation;
  const { name = member } = options;
  const open: Omit<OwnAccountParameters, 'Invitation'> = {
    Consortium: consortium,
    Member: member,
    Description: JSON.stringify({ id: member, name, identities, validator, roles }),
    Gateway: gateway,
    Ledger: ledger,
  };
  const stackName = `fuqi-${consortium}-${member}`;
  const query = new URLSearchParams({ templateURL: templateUrl, stackName });
  for (const [key, value] of Object.entries(open)) query.set(`param_${key}`, value);
  const console = region.startsWith('cn-') ? 'console.amazonaws.cn' : 'console.aws.amazon.com';
  const text = query.toString().replaceAll('+', '%20');
  const link = `https://${console}/cloudformation/home?region=${region}#/stacks/quickcreate?${text}`;
  return { stackName, region, parameters: open, link };
}
