/**
 * Inviting: single-use and for a time. Whoever accepts brings keys of its own; the members decide on
 * them as on any proposal.
 */
import type { z } from 'zod';
import { jwkThumbprint, type PublicJwk } from '../bytes/crypto.ts';
import { type Digest, taggedDigest } from '../bytes/digest.ts';
import { fromBase64Url } from '../bytes/text.ts';
import type { GenesisMember } from '../ledger/genesis.ts';
import type { RecordReader } from './context.ts';
import { type Action, allMembers, obstacleToIdentities } from './governance-action.ts';
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
import { type RosterRecord, VAULT_IDENTITY } from './system-records.ts';

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
  const found = context.get('member', member);
  const own = found?.active && member === caller.member ? found : undefined;
  if (found && !own) {
    context.reject('not-possible', `The member id ${member} is in use, or was; choose another.`);
  }
  const record: Invitation = {
    id,
    member,
    moves: own !== undefined,
    validator: own?.validator ?? validator,
    roles: [...new Set(own?.roles ?? roles)].sort(),
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
  const { id: proposal } = propose(context, decisionOn(context, invitation, member));
  const accepted: Invitation = { ...invitation, status: 'accepted', proposal };
  context.put('invitation', id, accepted);
  return accepted;
}

/** What the members decide: on a new member, or on the new node of one that they have. */
function decisionOn(
  context: GovernanceContext,
  { moves }: Invitation,
  member: z.output<typeof AcceptanceSchema>['member'],
): Action {
  if (!moves) return { kind: 'add-member', member };
  const { id, hosting, nodeKey, peerKey, endpoint, identities } = member;
  const problem = obstacleToIdentities(context, identities);
  if (problem !== undefined) context.reject('not-possible', problem);
  // Its administrators register them, once the members have approved.
  context.put('admission', id, { identities });
  const at = endpoint === undefined ? {} : { endpoint };
  return { kind: 'change-hosting', member: id, hosting, nodeKey, peerKey, ...at };
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
  const isApproved = proposal?.status === 'approved' || proposal?.status === 'enacted';
  // Another member of this name may have come another way.
  const joined = record?.active === true && (invitation.moves ? isApproved : !!proposal);
  const nodeKey = proposal && nodeKeyOf(proposal.action);
  return {
    ...invitation,
    nodeKeyId: nodeKey ? jwkThumbprint(nodeKey) : null,
    votes: proposal
      ? {
          status: proposal.status,
          approvals: proposal.approvals,
          refusals: proposal.refusals,
          needed: proposal.needed,
        }
      : null,
    joined,
    enrolled:
      joined &&
      (invitation.moves
        ? newIdentities(context, member).length === 0
        : context.lookup('identity', 'roster', member) !== undefined),
    votesItself:
      joined && record.validator && (!invitation.moves || proposal?.status === 'enacted'),
  };
}

function nodeKeyOf(action: Action): PublicJwk | undefined {
  if (action.kind === 'add-member') return action.member.nodeKey;
  return action.kind === 'change-hosting' ? action.nodeKey : undefined;
}

/**
 * Identities that a member's new node brought, and that are not registered yet. A vault's key is not among them where the
 * member has one: others encrypt to the old node's until the new one has taken its vault over, and says so itself.
 */
export function newIdentities(
  context: RecordReader<typeof records>,
  member: string,
): GenesisMember['identities'] {
  const roster = context.lookup('identity', 'roster', member) as RosterRecord | undefined;
  const brought = context.get('admission', member)?.identities ?? [];
  return brought.filter(({ name, key }) => {
    if (name === VAULT_IDENTITY && roster?.identities[name]) return false;
    return context.lookup('identity', 'key', jwkThumbprint(key)) === undefined;
  });
}
