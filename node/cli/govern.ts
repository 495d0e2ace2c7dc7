/** `fuqi invite`, `invitations`, `proposals`, `vote`: who belongs, decided by the members. */
import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import type { Digest } from '../../shared/bytes/digest.ts';
import { invitationId } from '../../shared/contract/governance-invitation.ts';
import type { Invitation } from '../../shared/contract/governance-invitation-record.ts';
import { call, type Target } from '../gateway-call.ts';
import { invitationLink } from '../invitation-link.ts';
import { UserError } from '../user-error.ts';
import { globalOptions, show, targetOf } from './command-context.ts';

const HOUR_MS = 3600 * 1000;

interface InviteOptions {
  readonly role: string[];
  readonly follower?: boolean;
  readonly hours: string;
}

interface Proposal {
  readonly id: string;
  readonly digest: string;
  readonly status: string;
  readonly action: { readonly kind: string };
  readonly approvals: readonly string[];
  readonly refusals: readonly string[];
  readonly needed: number;
  readonly after: { readonly statement: string };
}

export function registerGovern(program: Command): void {
  program
    .command('invite')
    .description('invite a member: prints the link that accepts, once')
    .argument('<member>', 'its id')
    .option('--role <role>', 'a contract role that it may hold; again for more', collect, [])
    .option('--follower', 'without a vote in consensus')
    .option('--hours <hours>', 'how long the link counts', '168')
    .action(async (member: string, given: InviteOptions, command: Command) => {
      const options = globalOptions(command);
      const target = targetOf(options);
      const secret = randomBytes(32);
      const hours = Number(given.hours);
      if (!(hours > 0)) throw new UserError(`--hours takes a number, not "${given.hours}".`);
      const body = {
        id: invitationId(secret),
        member,
        validator: given.follower !== true,
        roles: given.role,
        notAfter: Date.now() + Math.round(hours * HOUR_MS),
      };
      const invitation = await output<Invitation>(target, '/invitations', body);
      const { ledger } = (await call(target, '')) as { ledger: Digest };
      const { consortium, url: gateway } = target;
      const inviter = invitation.inviter.member;
      const link = invitationLink({ gateway, consortium, ledger, inviter, secret });
      show(
        options,
        { invitation, link },
        `${member} joins by this link, once; it counts until ${new Date(invitation.notAfter).toISOString()}:\n\n  npx fuqi join '${link}'`,
      );
    });
  program
    .command('invitations')
    .description('invitations, and how far the invited have come')
    .option('--revoke <id>', 'take one back that nobody has accepted')
    .action(async ({ revoke }: { revoke?: string }, command: Command) => {
      const options = globalOptions(command);
      const target = targetOf(options);
      if (revoke) {
        const revoked = await output(target, `/invitations/${revoke}/revoke`, {});
        return show(options, revoked, `The invitation ${revoke} is revoked.`);
      }
      const { invitations } = await answer<{ invitations: Invitation[] }>(target, '/invitations');
      const lines = invitations.map(
        ({ id, member, status, proposal }) => `${id}  ${member}  ${status}  ${proposal ?? ''}`,
      );
      show(options, { invitations }, lines.join('\n'));
    });
  program
    .command('proposals')
    .description('what the members are to decide, and have decided')
    .action(async (_: unknown, command: Command) => {
      const options = globalOptions(command);
      const { proposals } = await answer<{ proposals: Proposal[] }>(
        targetOf(options),
        '/proposals',
      );
      const lines = proposals.map(
        ({ id, status, action, approvals, refusals, needed, after }) =>
          `${id}  ${status}  ${action.kind}  for: ${approvals.join(', ')} of ${needed}  against: ${refusals.join(', ') || 'nobody'}\n  ${after.statement}`,
      );
      show(options, { proposals }, lines.join('\n'));
    });
  program
    .command('vote')
    .description('vote on a proposal for one’s member; --show prints what the vote is about')
    .argument('<proposal>', 'its id')
    .option('--refuse', 'against it')
    .option('--show', 'do not vote')
    .action(async (id: string, given: { refuse?: boolean; show?: boolean }, command: Command) => {
      const options = globalOptions(command);
      const target = targetOf(options);
      const proposal = await answer<Proposal>(target, `/proposals/${id}`);
      if (given.show) return show(options, proposal, JSON.stringify(proposal, null, 2));
      const { digest } = proposal;
      const body = { digest, approve: given.refuse !== true };
      const { status } = await output<{ status: string }>(target, `/proposals/${id}/vote`, body);
      show(options, { id, status }, `The proposal ${id} is ${status}.`);
    });
}

const collect = (value: string, before: readonly string[]): string[] => [...before, value];

const answer = async <T>(target: Target, path: string): Promise<T> =>
  ((await call(target, path)) as { output: T }).output;

async function output<T>(target: Target, path: string, body: object): Promise<T> {
  const said = await call(target, path, {
    body: JSON.stringify(body),
    headers: { prefer: 'wait=25' },
  });
  const { status, output: result } = said as { status: string; output?: T };
  if (result !== undefined) return result;
  throw new UserError(`The transaction is ${status}: ask for it again in a moment.`);
}
