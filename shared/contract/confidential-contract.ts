/**
 * The system contract over confidential values: grants and who read under them, erasure and holds, disputes, emergency
 * access. It never has a value: those rest in vaults (`docs/privacy.md`).
 */
import { z } from 'zod';
import { MemberIdSchema } from '../ledger/genesis.ts';
import { approveEmergency, requestEmergency } from './confidential-emergency.ts';
import {
  confirmErasure,
  dispute,
  erase,
  eraseDue,
  hold,
  release,
  settle,
  stateBackups,
} from './confidential-erasure.ts';
import { grant, read, revoke } from './confidential-grants.ts';
import {
  AccessSchema,
  BackupsSchema,
  CONFIDENTIAL,
  ConfirmationSchema,
  DigestSchema,
  DisputeSchema,
  ErasureSchema,
  events,
  GrantSchema,
  records,
  TimedIdSchema,
  ValuesRecordSchema,
} from './confidential-records.ts';
import type { QueryContext } from './context.ts';
import { contract } from './define.ts';

const MEMBERS_MAX = 200;
const ListedGrantSchema = GrantSchema.extend({ grant: DigestSchema, owner: MemberIdSchema });
const LimitSchema = z.coerce.number().int().min(1).max(100).default(50);

export const confidentialContract = contract(CONFIDENTIAL, {
  version: 1,
  summary: 'Who may read confidential values, who has, and which are erased.',
  roles: {
    steward: 'Decides for its member on the member’s records: grants, erasure.',
    reader: 'Reads under grants to its member.',
    guardian: 'Holds records back from being erased.',
    responder: 'Asks for emergency access.',
    approver: 'Approves emergency access that others ask for.',
  },
  records,
  events,
  transactions: {
    ...{ grant, revoke, read, erase, eraseDue, confirmErasure, hold, release, dispute, settle },
    stateBackups,
    ...{ requestEmergency, approveEmergency },
  },
  queries: {
    record: {
      summary: 'Whose a transaction’s confidential values are; holds, disputes and erasure.',
      roles: [],
      http: 'GET /confidential-records/{record}',
      input: z.strictObject({ record: DigestSchema }),
      output: ValuesRecordSchema.extend({
        record: DigestSchema,
        disputes: z.array(DisputeSchema.extend({ member: MemberIdSchema })),
      }),
      answer(context, { record: id }) {
        const record = context.get('record', id);
        if (!record) {
          return context.reject('not-found', `No transaction ${id} has confidential values.`);
        }
        const disputes = context
          .scan('dispute', { prefix: `${id}/`, limit: MEMBERS_MAX })
          .map(({ key, value }) => ({ member: key.slice(id.length + 1), ...value }));
        return { record: id, ...record, disputes };
      },
    },
    granted: {
      summary: 'Grants that the asking member gave.',
      roles: [],
      http: 'GET /grants',
      input: z.strictObject({ after: DigestSchema.optional(), limit: LimitSchema }),
      output: z.strictObject({
        grants: z.array(ListedGrantSchema),
        next: DigestSchema.nullable(),
      }),
      answer(context, { after, limit }) {
        const owner = memberOf(context);
        const { entries, next } = page(context, 'grant', owner, after, limit);
        return { grants: entries.map(({ key, value }) => ({ grant: key, owner, ...value })), next };
      },
    },
    received: {
      summary: 'Grants that the asking member was given.',
      roles: [],
      http: 'GET /grants/received',
      input: z.strictObject({ after: DigestSchema.optional(), limit: LimitSchema }),
      output: z.strictObject({
        grants: z.array(ListedGrantSchema),
        next: DigestSchema.nullable(),
      }),
      answer(context, { after, limit }) {
        const reader = memberOf(context);
        const { entries, next } = page(context, 'received', reader, after, limit);
        const grants = entries.map(({ key, value: { owner } }) => ({
          ...{ grant: key, owner },
          ...context.get('grant', `${owner}/${key}`)!,
        }));
        return { grants, next };
      },
    },
    accesses: {
      summary: 'Who has read the asking member’s records under a grant, in the order of time.',
      roles: [],
      http: 'GET /accesses',
      input: z.strictObject({ after: TimedIdSchema.optional(), limit: LimitSchema }),
      output: z.strictObject({
        accesses: z.array(AccessSchema.extend({ access: TimedIdSchema })),
        next: TimedIdSchema.nullable(),
      }),
      answer(context, { after, limit }) {
        const { entries, next } = page(context, 'access', memberOf(context), after, limit);
        return { accesses: entries.map(({ key, value }) => ({ access: key, ...value })), next };
      },
    },
    erasure: {
      summary: 'One erasure, and the members whose nodes have confirmed it.',
      roles: [],
      http: 'GET /erasures/{erasure}',
      input: z.strictObject({ erasure: TimedIdSchema }),
      output: ErasureSchema.extend({
        erasure: TimedIdSchema,
        confirmations: z.array(ConfirmationSchema.extend({ member: MemberIdSchema })),
      }),
      answer(context, { erasure: id }) {
        const erasure = context.get('erasure', id);
        if (!erasure) return context.reject('not-found', `Nothing was erased by ${id}.`);
        const confirmations = context
          .scan('confirmation', { prefix: `${id}/`, limit: MEMBERS_MAX })
          .map(({ key, value }) => ({ member: key.slice(id.length + 1), ...value }));
        return { erasure: id, ...erasure, confirmations };
      },
    },
    backups: {
      summary:
        'How long members keep backups of confidential values at the most, as their nodes say.',
      roles: [],
      http: 'GET /backups',
      input: z.strictObject({}),
      output: z.strictObject({
        backups: z.array(BackupsSchema.extend({ member: MemberIdSchema })),
      }),
      answer: (context) => ({
        backups: context
          .scan('backups', { limit: MEMBERS_MAX })
          .map(({ key, value }) => ({ member: key, ...value })),
      }),
    },
    due: {
      summary: 'Records that are to be erased by their contracts’ rules, the first ones first.',
      roles: [],
      http: 'GET /erasures/due',
      input: z.strictObject({ limit: LimitSchema }),
      output: z.strictObject({ due: z.array(TimedIdSchema) }),
      answer: (context, { limit }) => ({
        due: context.scan('due', { limit }).map(({ key }) => key),
      }),
    },
  },
});

type Queried = QueryContext<typeof records>;

/** What is one member's is answered to its own people. */
function memberOf(context: Queried): string {
  return context.caller?.member ?? context.reject('forbidden', 'This is for members.');
}

/** Entries under `<member>/`, by what follows. */
function page<K extends 'grant' | 'received' | 'access'>(
  context: Queried,
  kind: K,
  member: string,
  after: string | undefined,
  limit: number,
) {
  const prefix = `${member}/`;
  const start = after === undefined ? {} : { after: `${prefix}${after}` };
  const entries = context
    .scan(kind, { prefix, ...start, limit })
    .map(({ key, value }) => ({ key: key.slice(prefix.length), value }));
  return { entries, next: entries.length < limit ? null : entries.at(-1)!.key };
}
