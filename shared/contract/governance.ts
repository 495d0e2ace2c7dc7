/**
 * The system contract by which members decide: proposals, votes, and what follows from them.
 * More than two thirds of the active members have to approve, unless they set other thresholds; a
 * member has one vote, whoever of its administrators casts it, and a vote names the content that it
 * is about. What gives a node a vote waits, once approved, until that node is ready.
 */
import { z } from 'zod';
import { EndpointSchema, MemberIdSchema } from '../ledger/genesis.ts';
import { contract } from './define.ts';
import { ActionSchema, allMembers, setEndpoint } from './governance-action.ts';
import { accept, invite, progressOf, revoke } from './governance-invitation.ts';
import {
  AcceptanceSchema,
  DigestSchema,
  IdSchema,
  InvitationSchema,
  InviteSchema,
  ProgressSchema,
} from './governance-invitation-record.ts';
import {
  close,
  events,
  openProposal,
  ProposalSchema,
  propose,
  records,
  StatusSchema,
  settle,
  take,
} from './governance-proposal.ts';
import { flawOf } from './governance-readiness.ts';
import { allThresholds, ThresholdsSchema } from './governance-threshold.ts';
import { AfterSchema, afterAction } from './governance-validators.ts';
import {
  ContractCodeSchema,
  CURRENT,
  effectiveContract,
  MemberRecordSchema,
  ParametersRecordSchema,
} from './system-records.ts';

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
      apply(context, { action, deadline }) {
        const { id, digest, status, after } = propose(context, action, deadline);
        return { id, digest, status, after };
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
    invite: {
      summary:
        'Invites a member to be: whoever has the secret that the id is the digest of may accept.',
      roles: ['admin'],
      http: 'POST /invitations',
      rejects: ['invited-already', 'bad-deadline', 'not-possible'],
      input: InviteSchema,
      output: InvitationSchema,
      apply: (context, invitation) => invite(context, invitation),
    },
    accept: {
      summary:
        'Brings what an invited member sent, and proposes to add it; an invitation counts once.',
      roles: ['admin'],
      http: 'POST /invitations/{id}/accept',
      rejects: [
        'unknown-invitation',
        'closed',
        'expired',
        'not-yours',
        'other-member',
        'not-possible',
      ],
      input: AcceptanceSchema,
      output: InvitationSchema,
      apply: (context, acceptance) => accept(context, acceptance),
    },
    revokeInvitation: {
      summary: 'Takes an invitation back that nobody has accepted.',
      roles: ['admin'],
      http: 'POST /invitations/{id}/revoke',
      rejects: ['unknown-invitation', 'closed', 'not-yours'],
      input: z.strictObject({ id: DigestSchema }),
      output: InvitationSchema,
      apply: (context, { id }) => revoke(context, id),
    },
    setEndpoint: {
      summary:
        'Says where the node of one’s own member is reached; the others know with the next epoch.',
      roles: ['admin'],
      http: 'POST /endpoint',
      rejects: ['no-change'],
      input: z.strictObject({ endpoint: EndpointSchema.nullable() }),
      output: z.strictObject({ endpoint: EndpointSchema.nullable() }),
      apply(context, { endpoint }) {
        const { member } = context.caller;
        if (!setEndpoint(context, member, endpoint)) {
          context.reject('no-change', `The endpoint of ${member} is this already.`);
        }
        return { endpoint };
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
    invitation: {
      summary: 'An invitation, and how far the invited member has come.',
      roles: [],
      http: 'GET /invitations/{id}',
      input: z.strictObject({ id: DigestSchema }),
      output: ProgressSchema,
      answer(context, { id }) {
        const found = context.get('invitation', id);
        return found
          ? progressOf(context, found)
          : context.reject('not-found', `There is no invitation ${id}.`);
      },
    },
    invitations: {
      summary: 'Invitations in the order of their ids.',
      roles: [],
      http: 'GET /invitations',
      input: z.strictObject(page),
      output: z.strictObject({
        invitations: z.array(ProgressSchema),
        next: DigestSchema.nullable(),
      }),
      answer(context, { after, limit }) {
        const range = after === undefined ? { limit } : { after, limit };
        const invitations = context.scan('invitation', range).map(({ value }) => value);
        return {
          invitations: invitations.map((invitation) => progressOf(context, invitation)),
          next: invitations.length < limit ? null : invitations.at(-1)!.id,
        };
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
