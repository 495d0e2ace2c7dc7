/** Grants: a record's owner lets a further member read, for a time and a purpose, and takes that back. */
import { z } from 'zod';
import { MemberIdSchema } from '../ledger/genesis.ts';
import {
  type ConfidentialContext,
  DigestSchema,
  GrantSchema,
  notGranted,
  ownRecord,
  presentRecord,
  RecordsSchema,
  timedId,
  transaction,
} from './confidential-records.ts';
import type { MemberRecord } from './system-records.ts';

/** Ten years. */
const GRANT_MS_MAX = 10 * 365 * 24 * 3600 * 1000;

const GrantOutputSchema = z.strictObject({ grant: DigestSchema });

export const grant = transaction({
  summary: 'Lets another member read records of one’s own, or all of a contract within a time.',
  roles: ['steward', 'admin'],
  http: 'POST /grants',
  rejects: [
    'unknown-record',
    'erased',
    'not-owner',
    'unknown-member',
    'own-member',
    'scope-needed',
    'bad-time',
  ],
  input: GrantSchema.omit({ grantedAt: true, revokedAt: true }).extend({
    records: RecordsSchema.optional(),
    period: GrantSchema.shape.period.unwrap().optional(),
    fields: GrantSchema.shape.fields.unwrap().optional(),
  }),
  output: GrantOutputSchema,
  apply(context, { reader, records, period, fields, purpose, notAfter }) {
    const { time, caller, transactionId: id } = context;
    if ((records === undefined) === (period === undefined)) {
      context.reject('scope-needed', 'A grant is for records or for a period: one of them.');
    }
    if (period && period.from >= period.to) {
      context.reject('bad-time', 'The period ends before it begins.');
    }
    if (notAfter <= time || notAfter > time + GRANT_MS_MAX) {
      context.reject('bad-time', 'A grant ends within ten years from now.', { got: notAfter });
    }
    requireReader(context, reader);
    for (const record of records ?? []) ownRecord(context, record);
    putGrant(context, caller.member, {
      ...{ reader, records: records ?? null, period: period ?? null, fields: fields ?? null },
      ...{ purpose, grantedAt: time, notAfter, revokedAt: null },
    });
    context.emit('granted', { grant: id, owner: caller.member, reader });
    return { grant: id };
  },
});

function requireReader(context: ConfidentialContext, reader: string): void {
  const record = context.lookup('governance', 'member', reader) as MemberRecord | undefined;
  if (!record?.active) {
    context.reject('unknown-member', `There is no member ${reader}.`, { got: reader });
  }
  if (reader === context.caller.member) {
    context.reject('own-member', 'A member reads its own records without a grant.');
  }
}

/** Stores a grant under this transaction's id, where its owner and its reader find it. */
export function putGrant(
  context: ConfidentialContext,
  owner: string,
  given: z.infer<typeof GrantSchema>,
): void {
  const id = context.transactionId;
  context.put('grant', `${owner}/${id}`, given);
  context.put('received', `${given.reader}/${id}`, { owner });
}

export const revoke = transaction({
  summary: 'Takes a grant back: nobody serves it any more.',
  roles: ['steward', 'admin'],
  http: 'POST /grants/{grant}/revoke',
  rejects: ['unknown-grant', 'revoked'],
  input: z.strictObject({ grant: DigestSchema }),
  output: GrantOutputSchema,
  apply(context, { grant: id }) {
    const owner = context.caller.member;
    const key = `${owner}/${id}`;
    const given = context.get('grant', key);
    if (!given) return context.reject('unknown-grant', `${owner} has granted no ${id}.`);
    if (given.revokedAt !== null) context.reject('revoked', 'The grant was taken back before.');
    context.put('grant', key, { ...given, revokedAt: context.time });
    context.emit('revoked', { grant: id, owner, reader: given.reader });
    return { grant: id };
  },
});

export const read = transaction({
  summary:
    'A reader’s signed request to read under a grant. The node that serves it brings it to the ledger: so the owner knows.',
  roles: ['reader', 'admin'],
  rejects: [
    ...['unknown-record', 'erased', 'several-owners'],
    ...['unknown-grant', 'revoked', 'expired', 'not-covered'],
  ],
  input: z.strictObject({ grant: DigestSchema, records: RecordsSchema }),
  output: z.strictObject({ owner: MemberIdSchema }),
  apply(context, { grant: id, records }) {
    const { caller, time } = context;
    const all = records.map((one) => [one, presentRecord(context, one)] as const);
    const { owner } = all[0]![1];
    if (all.some(([, record]) => record.owner !== owner)) {
      context.reject('several-owners', 'The records of one request have one owner.');
    }
    const given = context.get('grant', `${owner}/${id}`);
    for (const [one, record] of all) {
      const flaw = notGranted(given, { reader: caller.member, id: one, record, time });
      if (flaw) context.reject(flaw, `The grant does not let ${caller.member} read ${one}.`);
    }
    const { member: reader, keyId } = caller;
    const place = `${owner}/${timedId(time, context.transactionId)}`;
    context.put('access', place, { reader, keyId, grant: id, records, at: time });
    context.emit('read', { owner, reader, grant: id });
    return { owner };
  },
});
