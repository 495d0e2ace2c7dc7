/**
 * The system contract by which members decide: proposals, votes, and what follows from them.
 * More than two thirds of the active members have to approve; a member has one vote, whoever of
 * its administrators casts it, and a vote names the content that it is about.
 */
import { z } from 'zod';
import { encodeCbor, toValue } from '../bytes/cbor.ts';
import { taggedDigest } from '../bytes/digest.ts';
import { MemberIdSchema } from '../ledger/genesis.ts';
import type { Context } from './context.ts';
import { contract } from './define.ts';
import { ActionSchema, actionRecords, allMembers, enact, obstacle } from './governance-action.ts';
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
const StatusSchema = z.enum(['open', 'enacted', 'refused', 'withdrawn', 'void']);

/** `void`: approved, but by then something stood against it. */
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
  closed: ProposalSchema.pick({ id: true, status: true, obstacle: true }),
};
type GovernanceContext = Context<typeof records, typeof events>;

/** How many of the active members have to approve: more than two thirds. */
export const approvalsNeeded = (members: number): number => Math.floor((2 * members) / 3) + 1;

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
      output: OutcomeSchema.extend({ id: IdSchema, digest: DigestSchema }),
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
          obstacle: null,
        });
        return { id, digest, status: proposal.status };
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
        const proposal = openProposal(context, id);
        if (proposal.proposer !== context.caller.member) {
          context.reject('not-yours', `Only ${proposal.proposer} can withdraw this proposal.`);
        }
        const { status } = close(context, proposal, 'withdrawn');
        return { status };
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
      answer: (context, { id }) =>
        context.get('proposal', id) ?? context.reject('not-found', `There is no proposal ${id}.`),
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

function openProposal(context: GovernanceContext, id: string): Proposal {
  const proposal = context.get('proposal', id);
  if (!proposal) return context.reject('unknown-proposal', `There is no proposal ${id}.`);
  if (proposal.status !== 'open') {
    return context.reject('closed', `The proposal is ${proposal.status}.`, {
      got: proposal.status,
      expected: 'open',
    });
  }
  if (context.time > proposal.deadline) {
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
  const needed = approvalsNeeded(active.size);
  if (count(proposal.approvals) >= needed) {
    // What was possible when it was proposed may have been overtaken by another decision.
    const problem = obstacle(context, proposal.action);
    if (problem !== undefined) return close(context, proposal, 'void', problem);
    enact(context, proposal.action);
    return close(context, proposal, 'enacted');
  }
  if (active.size - count(proposal.refusals) < needed) return close(context, proposal, 'refused');
  context.put('proposal', proposal.id, proposal);
  return proposal;
}

function close(
  context: GovernanceContext,
  proposal: Proposal,
  status: Proposal['status'],
  problem: string | null = null,
): Proposal {
  const closed = { ...proposal, status, obstacle: problem };
  context.put('proposal', proposal.id, closed);
  context.emit('closed', { id: proposal.id, status, obstacle: problem });
  return closed;
}
