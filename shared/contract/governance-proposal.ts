/**
 * What becomes of a proposal: it is opened, counts the votes of those who are members, takes effect,
 * waits for a node that has to be ready, or closes.
 */
import { z } from 'zod';
import { encodeCbor, toValue } from '../bytes/cbor.ts';
import { jwkThumbprint } from '../bytes/crypto.ts';
import { taggedDigest } from '../bytes/digest.ts';
import { MemberIdSchema } from '../ledger/genesis.ts';
import type { Context } from './context.ts';
import {
  type Action,
  ActionSchema,
  actionRecords,
  allMembers,
  enact,
  endEpoch,
  obstacle,
} from './governance-action.ts';
import { DigestSchema, IdSchema, InvitationSchema } from './governance-invitation-record.ts';
import { type AwaitedNode, awaitedNode, isReady, waitingPart } from './governance-readiness.ts';
import { approvalsNeeded, thresholdOf } from './governance-threshold.ts';
import { AfterSchema, afterAction } from './governance-validators.ts';
import { CURRENT } from './system-records.ts';

const DAY_MS = 24 * 3600 * 1000;
export const VOTING_MS_DEFAULT = 7 * DAY_MS;
const VOTING_MS_MAX = 90 * DAY_MS;

export const StatusSchema = z.enum(['open', 'approved', 'enacted', 'refused', 'withdrawn', 'void']);

/**
 * `approved`: takes effect when the node that it gives a vote to is ready. `void`: approved, but by
 * then something stood against it.
 */
export const ProposalSchema = z.strictObject({
  id: IdSchema,
  /** Tagged digest of the CBOR of {id, action, deadline}: what a vote is about. */
  digest: DigestSchema,
  action: ActionSchema,
  proposer: MemberIdSchema,
  proposedAt: z.int(),
  /** Block time after which no vote counts. */
  deadline: z.int(),
  approvals: z.array(MemberIdSchema),
  refusals: z.array(MemberIdSchema),
  status: StatusSchema,
  /** How many of the active members have to approve, as of the last vote. */
  needed: z.int().min(1),
  /** What the validators become; once it is closed, as of then. */
  after: AfterSchema,
  /** The node key that has to prove that its node is ready. */
  awaits: z.strictObject({ member: MemberIdSchema, keyId: z.string() }).nullable(),
  /** Why it is void. */
  obstacle: z.string().nullable(),
});
export type Proposal = z.infer<typeof ProposalSchema>;

export const records = { ...actionRecords, proposal: ProposalSchema, invitation: InvitationSchema };
export const events = {
  proposed: ProposalSchema.pick({ id: true, digest: true, proposer: true, deadline: true }).extend({
    kind: z.string(),
  }),
  voted: z.strictObject({ id: IdSchema, member: MemberIdSchema, approve: z.boolean() }),
  approved: z.strictObject({ id: IdSchema, member: MemberIdSchema, keyId: z.string() }),
  closed: ProposalSchema.pick({ id: true, status: true, obstacle: true, after: true }),
  ready: z.strictObject({ member: MemberIdSchema, keyId: z.string(), height: z.int() }),
  invited: InvitationSchema.pick({ id: true, member: true, notAfter: true }),
  'invitation-revoked': InvitationSchema.pick({ id: true, member: true }),
};
export type GovernanceContext = Context<typeof records, typeof events>;

/** Opens a proposal of the caller's member; this counts as its approval. */
export function propose(
  context: GovernanceContext,
  action: Action,
  deadline = context.time + VOTING_MS_DEFAULT,
): Proposal {
  if (deadline <= context.time || deadline > context.time + VOTING_MS_MAX) {
    context.reject('bad-deadline', 'The deadline must lie in the next 90 days.', {
      got: deadline,
      expected: `${context.time + 1} to ${context.time + VOTING_MS_MAX}`,
    });
  }
  const problem = obstacle(context, action);
  if (problem !== undefined) context.reject('not-possible', problem);
  const id = context.transactionId.slice(0, 16);
  const content = encodeCbor(toValue({ id, action, deadline }));
  const digest = taggedDigest('fuqi/v1/proposal', content);
  const proposer = context.caller.member;
  context.emit('proposed', { id, digest, proposer, deadline, kind: action.kind });
  return settle(context, {
    id,
    digest,
    action,
    proposer,
    proposedAt: context.time,
    deadline,
    approvals: [proposer],
    refusals: [],
    status: 'open',
    needed: 1,
    after: afterAction(context, action),
    awaits: null,
    obstacle: null,
  });
}

/** A proposal that may still change; rejects the transaction where it may not. */
export function openProposal(
  context: GovernanceContext,
  id: string,
  statuses: readonly Proposal['status'][] = ['open'],
): Proposal {
  const proposal = context.get('proposal', id);
  if (!proposal) return context.reject('unknown-proposal', `There is no proposal ${id}.`);
  if (!statuses.includes(proposal.status)) {
    return context.reject('closed', `The proposal is ${proposal.status}.`, {
      got: proposal.status,
      expected: [...statuses],
    });
  }
  if (proposal.status === 'open' && context.time > proposal.deadline) {
    return context.reject('expired', 'The proposal’s deadline has passed.', {
      got: context.time,
      expected: `at most ${proposal.deadline}`,
    });
  }
  return proposal;
}

/** Counts the votes of those who are members now; closes the proposal where they decide it. */
export function settle(context: GovernanceContext, proposal: Proposal): Proposal {
  const active = new Set(
    allMembers(context).flatMap(({ id, active: isActive }) => (isActive ? [id] : [])),
  );
  const count = (votes: readonly string[]) => votes.filter((member) => active.has(member)).length;
  const threshold = thresholdOf(proposal.action, context.get('thresholds', CURRENT));
  const needed = approvalsNeeded(active.size, threshold);
  const counted = { ...proposal, needed, after: afterAction(context, proposal.action) };
  if (count(proposal.approvals) >= needed) return approve(context, counted);
  if (active.size - count(proposal.refusals) < needed) return close(context, counted, 'refused');
  context.put('proposal', proposal.id, counted);
  return counted;
}

function approve(context: GovernanceContext, proposal: Proposal): Proposal {
  const { action } = proposal;
  if (action.kind !== 'add-member') return take(context, proposal);
  const problem = obstacle(context, action);
  if (problem !== undefined) return close(context, proposal, 'void', problem);
  enact(context, action);
  return action.member.validator ? take(context, proposal) : close(context, proposal, 'enacted');
}

/** Takes an approved action, or lets it wait for its node. */
export function take(context: GovernanceContext, proposal: Proposal): Proposal {
  const action = waitingPart(proposal.action);
  // What was possible when it was proposed may have been overtaken by another decision or by time.
  const isLate = context.time > proposal.deadline;
  const late = isLate ? 'Its node was not ready before the deadline.' : undefined;
  const problem = late ?? obstacle(context, action);
  if (problem !== undefined) return close(context, proposal, 'void', problem);
  const node = awaitedNode(context, action);
  if (node && !isReady(context, node)) return wait(context, proposal, node);
  enact(context, action);
  return close(context, proposal, 'enacted');
}

function wait(context: GovernanceContext, proposal: Proposal, node: AwaitedNode): Proposal {
  const { id } = proposal;
  const { member, key } = node;
  const keyId = jwkThumbprint(key);
  const others = context.get('awaited', keyId)?.proposals ?? [];
  const { action } = proposal;
  const peerKey = 'peerKey' in action ? action.peerKey : undefined;
  context.put('awaited', keyId, {
    ...{ member, key, proposals: [...others.slice(-15), id] },
    ...(peerKey && { peerKey }),
  });
  // The others let it follow, by the peer key that it brings; they learn of keys when an epoch starts.
  if (peerKey) endEpoch(context);
  const waiting: Proposal = { ...proposal, status: 'approved', awaits: { member, keyId } };
  context.put('proposal', id, waiting);
  context.emit('approved', { id, member, keyId });
  return waiting;
}

/** Closes a proposal for good. */
export function close(
  context: GovernanceContext,
  proposal: Proposal,
  status: Proposal['status'],
  problem: string | null = null,
): Proposal {
  const closed = { ...proposal, status, obstacle: problem };
  context.put('proposal', proposal.id, closed);
  if (proposal.awaits) stopWaiting(context, proposal.awaits.keyId, proposal.id);
  const { id, after } = proposal;
  context.emit('closed', { id, status, obstacle: problem, after });
  return closed;
}

/** Nothing of the proposal waits for the node with this key any more. */
function stopWaiting(context: GovernanceContext, keyId: string, id: string): void {
  const awaited = context.get('awaited', keyId);
  const others = awaited?.proposals.filter((other) => other !== id) ?? [];
  if (awaited && others.length > 0) {
    context.put('awaited', keyId, { ...awaited, proposals: others });
  } else if (awaited) {
    context.delete('awaited', keyId);
  }
}
