/**
 * Inviting: single-use and for a time. Whoever accepts brings keys of its own; the members decide on
 * them as on any proposal.
 */
import type { z } from 'zod';
import { jwkThumbprint } from '../bytes/crypto.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import { fromBase64Url } from '../bytes/text.ts';
import type { RecordReader } from './context.ts';
import { allMembers } from './governance-action.ts';
import type {
  AcceptanceSchema,
  Invitation,
  InviteSchema,
  ProgressSchema,
} from './governance-invitation-record.ts';
import {
  type GovernanceContext,
  propose,
  type records,
  VOTING_MS_DEFAULT,
} from './governance-proposal.ts';

const INVITED_MS_MAX = 90 * 24 * 3600 * 1000;

/** The id of the invitation that a secret (32 bytes) accepts. */
export const invitationId = (secret: Uint8Array): Digest =>
  taggedDigest('fuqi/v1/invitation', secret);

/** Records an invitation. */
export function invite(
  context: GovernanceContext,
  invitation: z.output<typeof InviteSchema>,
): Invitation {
  const { time, caller } = context;
  const { id, member, validator, roles, notAfter = time + VOTING_MS_DEFAULT } = invitation;
  if (context.get('invitation', id)) {
    context.reject('invited-already', 'There is an invitation with this id; make a new secret.');
  }
  if (notAfter <= time || notAfter > time + INVITED_MS_MAX) {
    context.reject('bad-deadline', 'An invitation ends within the next 90 days.', {
      got: notAfter,
      expected: `${time + 1} to ${time + INVITED_MS_MAX}`,
    });
  }
  if (context.get('member', member)) {
    context.reject('not-possible', `The member id ${member} is in use, or was; choose another.`);
  }
  const record: Invitation = {
    id,
    member,
    validator,
    roles: [...new Set(roles)].sort(),
    inviter: { member: caller.member, identity: caller.name },
    invitedAt: time,
    notAfter,
    status: 'open',
    proposal: null,
  };
  context.put('invitation', id, record);
  context.emit('invited', { id, member, notAfter });
  return record;
}

/** Spends an invitation: the caller's member, which invited, proposes to add what was sent. */
export function accept(
  context: GovernanceContext,
  { id, secret, member }: z.output<typeof AcceptanceSchema>,
): Invitation {
  const invitation = openInvitation(context, id);
  const bytes = fromBase64Url(secret);
  if (!bytes || invitationId(bytes) !== id) {
    context.reject('unknown-invitation', 'The secret is not that of this invitation.');
  }
  if (context.time > invitation.notAfter) {
    context.reject('expired', 'The invitation has ended; ask for another.', {
      got: context.time,
      expected: `at most ${invitation.notAfter}`,
    });
  }
  const differs = differenceTo(invitation, member);
  if (differs) context.reject('other-member', differs);
  const { id: proposal } = propose(context, { kind: 'add-member', member });
  const accepted: Invitation = { ...invitation, status: 'accepted', proposal };
  context.put('invitation', id, accepted);
  return accepted;
}

/** Takes an invitation back. */
export function revoke(context: GovernanceContext, id: string): Invitation {
  const invitation = openInvitation(context, id);
  const revoked: Invitation = { ...invitation, status: 'revoked' };
  context.put('invitation', id, revoked);
  context.emit('invitation-revoked', { id, member: invitation.member });
  return revoked;
}

function openInvitation(context: GovernanceContext, id: string): Invitation {
  const invitation = context.get('invitation', id);
  if (!invitation) return context.reject('unknown-invitation', `There is no invitation ${id}.`);
  const { status, inviter } = invitation;
  if (inviter.member !== context.caller.member) {
    context.reject('not-yours', `This is an invitation of ${inviter.member}.`);
  }
  if (status !== 'open') {
    context.reject('closed', `The invitation is ${status}.`, { got: status, expected: 'open' });
  }
  return invitation;
}

/** Why what was sent is not what was invited; undefined where it is. */
function differenceTo(
  invitation: Invitation,
  { id, validator, roles }: z.output<typeof AcceptanceSchema>['member'],
): string | undefined {
  if (id !== invitation.member) return `The invitation is for the member ${invitation.member}.`;
  if (validator && !invitation.validator) return 'The invitation is for a member without a vote.';
  const other = roles.find((role) => !invitation.roles.includes(role));
  return other && `The invitation does not speak of the role ${other}.`;
}

/** How far the invited member has come, as the ledger has it. */
export function progressOf(
  context: RecordReader<typeof records>,
  invitation: Invitation,
): z.input<typeof ProgressSchema> {
  const { proposal: id, member } = invitation;
  const proposal = id === null ? undefined : context.get('proposal', id);
  const record = allMembers(context).find((one) => one.id === member);
  // Another member of this name may have come another way.
  const joined = record?.active === true && proposal !== undefined;
  const brought = proposal?.action.kind === 'add-member' ? proposal.action.member : undefined;
  return {
    ...invitation,
    nodeKeyId: brought ? jwkThumbprint(brought.nodeKey) : null,
    votes: proposal
      ? {
          status: proposal.status,
          approvals: proposal.approvals,
          refusals: proposal.refusals,
          needed: proposal.needed,
        }
      : null,
    joined,
    enrolled: joined && context.lookup('identity', 'roster', member) !== undefined,
    votesItself: joined && record.validator,
  };
}
