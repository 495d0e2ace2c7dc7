/**
 * The system contract that keeps evidence of double signing. Anybody with an identity may report: the
 * proof speaks for itself. Nothing follows from a record by itself; what to do is the members' decision.
 */
import { z } from 'zod';
import type { PublicJwk } from '../bytes/crypto.ts';
import {
  type Evidence,
  EvidenceSchema,
  flawOf,
  OFFENCES_MAX,
  offenceId,
  offenceKind,
} from '../ledger/evidence.ts';
import { MemberIdSchema } from '../ledger/genesis.ts';
import type { Context } from './context.ts';
import { contract } from './define.ts';
import type { ValidatorsRecord } from './system-records.ts';

const IdSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}\.\d{16}\.\d{16}\.(vote|timeout)$/, 'member.epoch.round.kind');
const KindSchema = z.enum(['vote', 'timeout']);

const OffenceSchema = EvidenceSchema.extend({
  kind: KindSchema,
  /** The member whose identity reported it, and the block time of the report. */
  reporter: MemberIdSchema,
  reportedAt: z.int(),
});
const ListedSchema = OffenceSchema.extend({ id: IdSchema });

const records = { offence: OffenceSchema };
const events = {
  'double-signed': OffenceSchema.omit({ statements: true, reportedAt: true }).extend({
    id: IdSchema,
  }),
};
type EvidenceContext = Context<typeof records, typeof events>;

export const evidence = contract('evidence', {
  version: 1,
  summary: 'Proofs that a member’s node signed two different statements where one is allowed.',
  roles: {},
  records,
  events,
  transactions: {
    report: {
      summary: 'Records the evidence of an offence, once.',
      roles: [],
      http: 'POST /evidence',
      rejects: ['unknown-validator', 'not-proven', 'known', 'enough'],
      input: EvidenceSchema,
      output: z.strictObject({ id: IdSchema }),
      apply(context, reported) {
        const id = offenceId(reported);
        const { member, epoch, round } = reported;
        if (context.get('offence', id)) {
          context.reject('known', `The ledger has evidence of this already: ${id}.`);
        }
        const prefix = id.split('.', 2).join('.');
        const others = context.scan('offence', { prefix: `${prefix}.`, limit: OFFENCES_MAX });
        if (others.length >= OFFENCES_MAX) {
          context.reject(
            'enough',
            `${OFFENCES_MAX} offences of ${member} in epoch ${epoch} are kept.`,
          );
        }
        const flaw = flawOf(context.ledger, reported, keyOf(context, reported));
        if (flaw !== undefined) context.reject('not-proven', flaw);
        const kind = offenceKind(reported);
        const reporter = context.caller.member;
        context.put('offence', id, { ...reported, kind, reporter, reportedAt: context.time });
        context.emit('double-signed', { id, member, epoch, round, kind, reporter });
        return { id };
      },
    },
  },
  queries: {
    offence: {
      summary: 'One offence with its evidence.',
      roles: [],
      http: 'GET /evidence/{id}',
      input: z.strictObject({ id: IdSchema }),
      output: ListedSchema,
      answer(context, { id }) {
        const offence = context.get('offence', id);
        return offence ? { id, ...offence } : context.reject('not-found', `There is no ${id}.`);
      },
    },
    offences: {
      summary:
        'Offences in the order of member, epoch and round; of one member where one is named.',
      roles: [],
      http: 'GET /evidence',
      input: z.strictObject({
        member: MemberIdSchema.optional(),
        after: IdSchema.optional(),
        limit: z.coerce.number().int().min(1).max(100).default(50),
      }),
      output: z.strictObject({ offences: z.array(ListedSchema), next: IdSchema.nullable() }),
      answer(context, { member, after, limit }) {
        const prefix = member === undefined ? {} : { prefix: `${member}.` };
        const start = after === undefined ? {} : { after };
        const offences = context
          .scan('offence', { ...prefix, ...start, limit })
          .map(({ key, value }) => ({ id: key, ...value }));
        return { offences, next: offences.length < limit ? null : offences.at(-1)!.id };
      },
    },
  },
});

/** The consensus key that a member had in an epoch, whatever became of the member since. */
function keyOf(context: EvidenceContext, { member, epoch }: Evidence): PublicJwk {
  const set = context.lookup('ledger', 'validators', `${epoch}`) as ValidatorsRecord | undefined;
  const found = set?.find(([id]) => id === member);
  if (!found) {
    return context.reject(
      'unknown-validator',
      `The ledger knows no validator ${member} of epoch ${epoch}.`,
    );
  }
  const [, x, y] = found;
  return { kty: 'EC', crv: 'P-256', x, y };
}
