/**
 * What the ledger says of confidential values, which stand in no block: whose they are, who was granted them, who read
 * them, which are erased or held. The platform writes the first two when a transaction with confidential fields is
 * committed, the contract `confidential` the rest.
 */
import { z } from 'zod';
import type { Digest } from '../bytes/digest.ts';
import { MemberIdSchema } from '../ledger/genesis.ts';
import type { Context } from './context.ts';
import type { TransactionDefinition } from './define.ts';

/** The name of the contract. */
export const CONFIDENTIAL = 'confidential';
/** Records that one call may name, and what one is asked about may hold. */
export const RECORDS_MAX = 100;
/** For how long a member may say that it keeps backups. */
export const BACKUP_DAYS_MAX = 3650;
/** Members that may hold one record back. */
export const HOLDS_MAX = 8;

export const DigestSchema = z
  .string()
  .regex(/^[0-9a-f]{64}$/, 'a digest: 64 lower-case hex digits');
/** Transactions whose values are meant, none twice. */
export const RecordsSchema = z
  .array(DigestSchema)
  .min(1)
  .max(RECORDS_MAX)
  .refine((ids) => new Set(ids).size === ids.length, 'none twice');
const TimeSchema = z.int().min(0);

/** `confidential/record/<transaction>`: the values that came with a transaction. */
export const ValuesRecordSchema = z.strictObject({
  /** The member that signed: it decides who else reads, and when they are erased. */
  owner: MemberIdSchema,
  contract: z.string(),
  method: z.string(),
  /** Block time. */
  committedAt: TimeSchema,
  /** When they are to be erased by the contract's own rule; null: when the owner says so. */
  eraseAfter: TimeSchema.nullable(),
  /** Members that hold them back from being erased. */
  heldBy: z.array(MemberIdSchema).max(HOLDS_MAX),
  erasedAt: TimeSchema.nullable(),
});
export type ValuesRecord = z.infer<typeof ValuesRecordSchema>;

/** Why somebody is to read: a closed list, because it stands on the ledger. */
export const PurposeSchema = z.enum([
  ...['audit', 'claim', 'credit', 'emergency', 'regulation', 'research', 'service', 'treatment'],
] as const);

/** `confidential/grant/<owner>/<transaction>`. */
export const GrantSchema = z.strictObject({
  reader: MemberIdSchema,
  /** These records, or all of the owner's that a contract was called for within a time. */
  records: RecordsSchema.nullable(),
  period: z.strictObject({ contract: z.string(), from: TimeSchema, to: TimeSchema }).nullable(),
  /** Names of fields; null: all. */
  fields: z.array(z.string().min(1).max(100)).min(1).max(64).nullable(),
  purpose: PurposeSchema,
  grantedAt: TimeSchema,
  notAfter: TimeSchema,
  revokedAt: TimeSchema.nullable(),
});
export type Grant = z.infer<typeof GrantSchema>;

/** `confidential/access/<owner>/<time>.<transaction>`: a request that a reader signed, and a holder served. */
export const AccessSchema = z.strictObject({
  reader: MemberIdSchema,
  keyId: z.string(),
  grant: DigestSchema,
  records: RecordsSchema,
  at: TimeSchema,
});

/** Block time and transaction: what is listed by time. */
export const TimedIdSchema = z.string().regex(/^\d{16}\.[0-9a-f]{64}$/, 'time.transaction');
export const timedId = (time: number, transaction: string): string =>
  `${String(time).padStart(16, '0')}.${transaction}`;

/** `confidential/erasure/<time>.<transaction>`. */
export const ErasureSchema = z.strictObject({ owner: MemberIdSchema, records: RecordsSchema });

export const DISPUTE_REASONS = ['digest-mismatch', 'not-delivered', 'refused'] as const;
export type DisputeReason = (typeof DISPUTE_REASONS)[number];
export const DisputeSchema = z.strictObject({
  reason: z.enum(DISPUTE_REASONS),
  at: TimeSchema,
  settledAt: TimeSchema.nullable(),
});
export type Dispute = z.infer<typeof DisputeSchema>;

/** `confidential/emergency/<transaction>`. */
export const EmergencySchema = z.strictObject({
  reader: MemberIdSchema,
  by: z.string(),
  records: RecordsSchema,
  hours: z.int().min(1).max(72),
  /** Key ids of those who approved. */
  approvals: z.array(z.string()).max(2),
});

/** How long a member keeps backups of its vault, at the most: after so many days nothing erased is in one. */
export const BackupsSchema = z.strictObject({
  days: z.int().min(0).max(BACKUP_DAYS_MAX),
  since: TimeSchema,
});
export type Backups = z.infer<typeof BackupsSchema>;

export const ConfirmationSchema = z.strictObject({
  at: TimeSchema,
  /** From when on no backup of this member has the values either; null where it has not said how long it keeps them. */
  backupsUntil: TimeSchema.nullable(),
});

export const records = {
  record: ValuesRecordSchema,
  /** Under `<time>.<transaction>`: what is to be erased by its contract's rule. */
  due: z.strictObject({}),
  grant: GrantSchema,
  /** Under `<reader>/<grant>`. */
  received: z.strictObject({ owner: MemberIdSchema }),
  access: AccessSchema,
  erasure: ErasureSchema,
  /** Under `<erasure>/<member>`: its node has none of the values any more. */
  confirmation: ConfirmationSchema,
  /** `backups/<member>`. */
  backups: BackupsSchema,
  /** Under `<transaction>/<member>`. */
  dispute: DisputeSchema,
  emergency: EmergencySchema,
};

export const events = {
  granted: z.strictObject({ grant: DigestSchema, owner: MemberIdSchema, reader: MemberIdSchema }),
  revoked: z.strictObject({ grant: DigestSchema, owner: MemberIdSchema, reader: MemberIdSchema }),
  read: z.strictObject({ owner: MemberIdSchema, reader: MemberIdSchema, grant: DigestSchema }),
  erased: z.strictObject({ erasure: TimedIdSchema, owner: MemberIdSchema }),
  held: z.strictObject({ records: RecordsSchema, by: MemberIdSchema }),
  released: z.strictObject({ records: RecordsSchema, by: MemberIdSchema }),
  'backups-stated': z.strictObject({ member: MemberIdSchema, days: z.int() }),
  disputed: z.strictObject({
    record: DigestSchema,
    by: MemberIdSchema,
    reason: z.enum(DISPUTE_REASONS),
  }),
  /** The owner's notice: its records were opened by two approvers without it. */
  'emergency-access': z.strictObject({
    owner: MemberIdSchema,
    reader: MemberIdSchema,
    grant: DigestSchema,
  }),
};

export type ConfidentialContext = Context<typeof records, typeof events>;

/** Types a transaction of the contract that is defined in a file of its own. */
export const transaction = <I extends z.ZodType>(
  definition: TransactionDefinition<typeof records, typeof events, I>,
): TransactionDefinition<typeof records, typeof events, I> => definition;

/** What the platform writes when a transaction with confidential fields is committed, by full state key. */
export function valuesWritten(
  id: Digest,
  facts: Pick<ValuesRecord, 'owner' | 'contract' | 'method' | 'committedAt'>,
  retainForMs: number | undefined,
): [key: string, value: ValuesRecord | Record<string, never>][] {
  const eraseAfter = retainForMs === undefined ? null : facts.committedAt + retainForMs;
  const record: ValuesRecord = { ...facts, eraseAfter, heldBy: [], erasedAt: null };
  const own = [valuesKey(id), record] as [string, ValuesRecord];
  if (eraseAfter === null) return [own];
  return [own, [`${CONFIDENTIAL}/due/${timedId(eraseAfter, id)}`, {}]];
}

/** The full state key of what the ledger says of a transaction's values. */
export const valuesKey = (id: string): string => `${CONFIDENTIAL}/record/${id}`;

/** The full state key of a member's dispute of a transaction's values. */
export const disputeKey = (id: string, member: string): string =>
  `${CONFIDENTIAL}/dispute/${id}/${member}`;

/** The full state key of how long a member keeps backups. */
export const backupsKey = (member: string): string => `${CONFIDENTIAL}/backups/${member}`;

/** The full state key of a grant. */
export const grantKey = (owner: string, grant: string): string =>
  `${CONFIDENTIAL}/grant/${owner}/${grant}`;

/** Why a grant does not let its reader see a record at a time; undefined where it does. */
export function notGranted(
  grant: Grant | undefined,
  {
    reader,
    id,
    record,
    time,
  }: {
    readonly reader: string;
    readonly id: string;
    readonly record: ValuesRecord;
    readonly time: number;
  },
): 'unknown-grant' | 'revoked' | 'expired' | 'not-covered' | undefined {
  // Another member's grant is as unknown as none.
  if (!grant || grant.reader !== reader) return 'unknown-grant';
  if (grant.revokedAt !== null) return 'revoked';
  if (grant.notAfter <= time) return 'expired';
  const { records: ids, period } = grant;
  const inPeriod =
    period !== null &&
    period.contract === record.contract &&
    period.from <= record.committedAt &&
    record.committedAt < period.to;
  return ids?.includes(id) || inPeriod ? undefined : 'not-covered';
}

/** The values of a transaction, which are there and not erased. */
export function presentRecord(context: ConfidentialContext, id: string): ValuesRecord {
  const record = context.get('record', id);
  if (!record) {
    return context.reject('unknown-record', `No transaction ${id} has confidential values.`);
  }
  if (record.erasedAt !== null) {
    context.reject('erased', `The values of ${id} are erased.`, { got: record.erasedAt });
  }
  return record;
}

/** The same, of the caller's own member. */
export function ownRecord(context: ConfidentialContext, id: string): ValuesRecord {
  const record = presentRecord(context, id);
  const { member } = context.caller;
  if (record.owner === member) return record;
  return context.reject('not-owner', `The values of ${id} are not ${member}’s to decide on.`, {
    got: member,
    expected: record.owner,
  });
}
