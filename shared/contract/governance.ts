/**
 * The system contract by which members decide: proposals, votes, and what follows from them.
 * More than two thirds of the active members have to approve, unless they set other thresholds; a
 * member has one vote, whoever of its administrators casts it, and a vote names the content that it
 * is about. What gives a node a vote waits, once approved, until that node is ready.
 */
import { z } from 'zod';
import { encodeCbor, toValue } from '../bytes/cbor.ts';
import { jwkThumbprint } from '../bytes/crypto.ts';
import { taggedDigest } from '../bytes/digest.ts';
import { MemberIdSchema } from '../ledger/genesis.ts';
import type { Context } from './context.ts';
import { contract } from './define.ts';
import { ActionSchema, actionRecords, allMembers, enact, obstacle } from './governance-action.ts';
import {
  type AwaitedNode,
  awaitedNode,
  flawOf,
  isReady,
  waitingPart,
} from './governance-readiness.ts';
import {
  allThresholds,
  approvalsNeeded,
  ThresholdsSchema,
  thresholdOf,
} from './governance-threshold.ts';
import { AfterSchema, afterAction } from './governance-validators.ts';
import {
  ContractCodeSchema,
  CURRENT,
  effectiveContract,
  MemberRecordSchema,
  ParametersRecordSchema,
} from './system-records.ts';

const DAY_MS = 24 * 3600 * 1000;
const VOTING_MS_DEFAULT = 7 * DAY_MS;
const VOTING_MS_MAX = 90 * DAY_MS;

const IdSchema = z.string().regex(/^[0-9a-f]{16}$/, 'a proposal id: 16 hex digits');
const DigestSchema = z.string().regex(/^[0-9a-f]{64}$/, 'a digest: 64 hex digits');
const StatusSchema = z.enum(['open', 'approved', 'enacted', 'refused', 'withdrawn', 'void']);

/**
 * `approved`: takes effect when the node that it gives a vote to is ready. `void`: approved, but by
 * then something stood against it.
 */
const ProposalSchema = z.strictObject({
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
type Proposal = z.infer<typeof ProposalSchema>;

const records = { ...actionRecords, proposal: ProposalSchema };
const events = {
  proposed: ProposalSchema.pick({ id: true, digest: true, proposer: true, deadline: true }).extend({
    kind: z.string(),
  }),
  voted: z.strictObject({ id: IdSchema, member: MemberIdSchema, approve: z.boolean() }),
  approved: z.strictObject({ id: IdSchema, member: MemberIdSchema, keyId: z.string() }),
  closed: ProposalSchema.pick({ id: true, status: true, obstacle: true, after: true }),
  ready: z.strictObject({ member: MemberIdSchema, keyId: z.string(), height: z.int() }),
};
type GovernanceContext = Context<typeof records, typeof events>;

const OutcomeSchema = z.strictObject({ status: StatusSchema });
const page = {
  after: z.string().max(64).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
};

export const governance = contract('governance', {
  version: 1,
  summary: 'Members propose and vote: who belongs, who validates, which contracts are active.',
  roles: {},
  records,
  events,
  transactions: {
    propose: {
      summary: 'Proposes an action; this counts as the approval of the proposer’s member.',
      roles: ['admin'],
      http: 'POST /proposals',
      rejects: ['not-possible', 'bad-deadline'],
      input: z.strictObject({
        action: ActionSchema,
        /** Milliseconds since 1970; default: seven days after the block. */
        deadline: z.int().optional(),
      }),
      output: OutcomeSchema.extend({ id: IdSchema, digest: DigestSchema, after: AfterSchema }),
      apply(context, { action, deadline = context.time + VOTING_MS_DEFAULT }) {
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
        const proposal = settle(context, {
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
        return { id, digest, status: proposal.status, after: proposal.after };
      },
    },
    vote: {
      summary: 'Approves or refuses a proposal for one’s member.',
      roles: ['admin'],
      http: 'POST /proposals/{id}/vote',
      rejects: ['unknown-proposal', 'closed', 'expired', 'other-content', 'already-voted'],
      input: z.strictObject({ id: IdSchema, digest: DigestSchema, approve: z.boolean() }),
      output: OutcomeSchema,
      apply(context, { id, digest, approve }) {
        const proposal = openProposal(context, id);
        if (proposal.digest !== digest) {
          context.reject('other-content', 'The vote is about another content; read it again.', {
            got: digest,
            expected: proposal.digest,
          });
        }
        const { member } = context.caller;
        if (proposal.approvals.includes(member) || proposal.refusals.includes(member)) {
          context.reject('already-voted', `The member ${member} has voted on this proposal.`);
        }
        const { approvals, refusals } = proposal;
        context.emit('voted', { id, member, approve });
        const { status } = settle(context, {
          ...proposal,
          approvals: approve ? [...approvals, member] : approvals,
          refusals: approve ? refusals : [...refusals, member],
        });
        return { status };
      },
    },
    withdraw: {
      summary: 'Takes a proposal of one’s own member back.',
      roles: ['admin'],
      http: 'POST /proposals/{id}/withdraw',
      rejects: ['unknown-proposal', 'closed', 'expired', 'not-yours'],
      input: z.strictObject({ id: IdSchema }),
      output: OutcomeSchema,
      apply(context, { id }) {
        const proposal = openProposal(context, id, ['open', 'approved']);
        if (proposal.proposer !== context.caller.member) {
          context.reject('not-yours', `Only ${proposal.proposer} can withdraw this proposal.`);
        }
        const { status } = close(context, proposal, 'withdrawn');
        return { status };
      },
    },
    ready: {
      summary: 'Brings a node’s proof that it follows the ledger; what waits for it takes effect.',
      roles: ['admin'],
      http: 'POST /members/{member}/ready',
      rejects: ['unknown-key', 'bad-signature', 'not-recent'],
      input: z.strictObject({
        member: MemberIdSchema,
        height: z.int().min(1),
        block: DigestSchema,
        keyId: z.string().max(64),
        /** ES256 by the node key over the statement, base64url. */
        signature: z.string().max(128),
      }),
      output: z.strictObject({
        proposals: z.array(ProposalSchema.pick({ id: true, status: true })),
      }),
      apply(context, statement) {
        const flaw = flawOf(context, statement);
        if (flaw) context.reject(flaw.reason, flaw.message);
        const { member, height, block, keyId } = statement;
        context.put('ready', keyId, { member, height, block, time: context.time });
        context.emit('ready', { member, keyId, height });
        const awaited = context.get('awaited', keyId);
        if (!awaited) return { proposals: [] };
        context.delete('awaited', keyId);
        const settled = awaited.proposals
          .map((id) => context.get('proposal', id)!)
          .filter(({ status }) => status === 'approved')
          .map((proposal) => take(context, proposal));
        return { proposals: settled.map(({ id, status }) => ({ id, status })) };
      },
    },
  },
  queries: {
    members: {
      summary: 'All members, removed ones included.',
      roles: [],
      http: 'GET /members',
      input: z.strictObject({}),
      output: z.strictObject({ members: z.array(MemberRecordSchema) }),
      answer: (context) => ({ members: allMembers(context) }),
    },
    proposal: {
      summary: 'One proposal.',
      roles: [],
      http: 'GET /proposals/{id}',
      input: z.strictObject({ id: IdSchema }),
      output: ProposalSchema,
      answer(context, { id }) {
        const found = context.get('proposal', id);
        if (!found) return context.reject('not-found', `There is no proposal ${id}.`);
        const isOver = found.status !== 'open' && found.status !== 'approved';
        return isOver ? found : { ...found, after: afterAction(context, found.action) };
      },
    },
    proposals: {
      summary: 'Proposals in the order of their ids.',
      roles: [],
      http: 'GET /proposals',
      input: z.strictObject(page),
      output: z.strictObject({ proposals: z.array(ProposalSchema), next: IdSchema.nullable() }),
      answer(context, { after, limit }) {
        const range = after === undefined ? { limit } : { after, limit };
        const proposals = context.scan('proposal', range).map(({ value }) => value);
        return { proposals, next: proposals.length < limit ? null : proposals.at(-1)!.id };
      },
    },
    contracts: {
      summary: 'The active contracts and the hashes of their approved code.',
      roles: [],
      http: 'GET /contracts',
      input: z.strictObject({}),
      output: z.strictObject({
        epoch: z.int(),
        contracts: z.array(ContractCodeSchema.extend({ name: z.string() })),
      }),
      answer(context) {
        const epoch = context.get('epoch', CURRENT)!.current;
        const contracts = context.scan('contract', { limit: 256 }).flatMap(({ key, value }) => {
          const code = effectiveContract(value, epoch);
          return code ? [{ name: key, ...code }] : [];
        });
        return { epoch, contracts };
      },
    },
    thresholds: {
      summary: 'How many of the members have to approve, by the kind of action.',
      roles: [],
      http: 'GET /thresholds',
      input: z.strictObject({}),
      output: ThresholdsSchema,
      answer: (context) => allThresholds(context.get('thresholds', CURRENT)),
    },
    parameters: {
      summary: 'The consensus parameters.',
      roles: [],
      http: 'GET /parameters',
      input: z.strictObject({}),
      output: ParametersRecordSchema,
      answer: (context) => context.get('parameters', CURRENT),
    },
  },
});

function openProposal(
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
function settle(context: GovernanceContext, proposal: Proposal): Proposal {
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
function take(context: GovernanceContext, proposal: Proposal): Proposal {
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
  context.put('awaited', keyId, { member, key, proposals: [...others.slice(-15), id] });
  const waiting: Proposal = { ...proposal, status: 'approved', awaits: { member, keyId } };
  context.put('proposal', id, waiting);
  context.emit('approved', { id, member, keyId });
  return waiting;
}

function close(
  context: GovernanceContext,
  proposal: Proposal,
  status: Proposal['status'],
  problem: string | null = null,
): Proposal {
  const closed = { ...proposal, status, obstacle: problem };
  context.put('proposal', proposal.id, closed);
  const { id, after } = proposal;
  context.emit('closed', { id, status, obstacle: problem, after });
  return closed;
}
