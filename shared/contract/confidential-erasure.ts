/** Erasure of values at every holder, what holds it back, and who has confirmed. Digests stay. */
import { z } from 'zod';
import {
  BackupsSchema,
  type ConfidentialContext,
  DISPUTE_REASONS,
  DigestSchema,
  HOLDS_MAX,
  ownRecord,
  presentRecord,
  RecordsSchema,
  TimedIdSchema,
  timedId,
  transaction,
  type ValuesRecord,
} from './confidential-records.ts';
import { NODE_IDENTITY } from './system-records.ts';

const DAY_MS = 86_400_000;
const ErasureOutputSchema = z.strictObject({ erasure: TimedIdSchema });
const RecordsInputSchema = z.strictObject({ records: RecordsSchema });

export const erase = transaction({
  summary: 'Erases the values of one’s own records at every holder, for good.',
  roles: ['steward', 'admin'],
  http: 'POST /erasures',
  rejects: ['unknown-record', 'erased', 'not-owner', 'held'],
  input: RecordsInputSchema,
  output: ErasureOutputSchema,
  apply(context, { records }) {
    const all = records.map((id) => [id, ownRecord(context, id)] as const);
    return eraseAll(context, context.caller.member, all);
  },
});

export const eraseDue = transaction({
  summary: 'Erases what its contract’s rule says is to be erased by now; any member may say so.',
  roles: [],
  http: 'POST /erasures/due',
  rejects: ['unknown-record', 'erased', 'not-due', 'several-owners', 'held'],
  input: RecordsInputSchema,
  output: ErasureOutputSchema,
  apply(context, { records }) {
    const all = records.map((id) => {
      const record = presentRecord(context, id);
      if (record.eraseAfter === null || record.eraseAfter > context.time) {
        context.reject('not-due', `The values of ${id} are not to be erased yet.`, {
          got: record.eraseAfter,
        });
      }
      return [id, record] as const;
    });
    const { owner } = all[0]![1];
    if (all.some(([, record]) => record.owner !== owner)) {
      context.reject('several-owners', 'The records of one erasure have one owner.');
    }
    return eraseAll(context, owner, all);
  },
});

function eraseAll(
  context: ConfidentialContext,
  owner: string,
  all: readonly (readonly [id: string, record: ValuesRecord])[],
) {
  const { time } = context;
  for (const [id, record] of all) {
    if (record.heldBy.length > 0) {
      context.reject('held', `The values of ${id} are held back from being erased.`, {
        got: record.heldBy,
      });
    }
    context.put('record', id, { ...record, erasedAt: time });
    if (record.eraseAfter !== null) context.delete('due', timedId(record.eraseAfter, id));
  }
  const erasure = timedId(time, context.transactionId);
  context.put('erasure', erasure, { owner, records: all.map(([id]) => id) });
  context.emit('erased', { erasure, owner });
  return { erasure };
}

export const confirmErasure = transaction({
  summary: 'A member’s node says that it has none of the erased values, nor had, or any more.',
  roles: [],
  rejects: ['not-a-node', 'unknown-erasure', 'confirmed-already'],
  input: z.strictObject({ erasure: TimedIdSchema }),
  output: z.null(),
  apply(context, { erasure }) {
    const member = forNode(context);
    if (!context.get('erasure', erasure)) {
      context.reject('unknown-erasure', `Nothing was erased by ${erasure}.`);
    }
    const key = `${erasure}/${member}`;
    if (context.get('confirmation', key)) {
      context.reject('confirmed-already', `${member} has confirmed it.`);
    }
    const backups = context.get('backups', member);
    const backupsUntil = backups ? context.time + backups.days * DAY_MS : null;
    context.put('confirmation', key, { at: context.time, backupsUntil });
    return null;
  },
});

export const stateBackups = transaction({
  summary:
    'A member’s node says how many days its backups of confidential values are kept at the most.',
  roles: [],
  http: 'POST /backups',
  rejects: ['not-a-node'],
  input: BackupsSchema.omit({ since: true }),
  output: z.null(),
  apply(context, { days }) {
    const member = forNode(context);
    context.put('backups', member, { days, since: context.time });
    context.emit('backups-stated', { member, days });
    return null;
  },
});

/** The caller's member, where it may speak for its node. */
function forNode(context: ConfidentialContext): string {
  const { member, name, roles } = context.caller;
  if (name === NODE_IDENTITY || roles.includes('admin')) return member;
  return context.reject('not-a-node', 'A member’s node or its administrator says this.');
}

export const hold = transaction({
  summary: 'Holds records back from being erased: a legal hold.',
  roles: ['guardian'],
  http: 'POST /holds',
  rejects: ['unknown-record', 'erased', 'held-already', 'too-many'],
  input: RecordsInputSchema,
  output: z.null(),
  apply(context, { records }) {
    const { member: by } = context.caller;
    for (const id of records) {
      const record = presentRecord(context, id);
      if (record.heldBy.includes(by)) {
        context.reject('held-already', `${by} holds the values of ${id} already.`);
      }
      if (record.heldBy.length === HOLDS_MAX) {
        context.reject('too-many', `${HOLDS_MAX} members hold the values of ${id}.`);
      }
      context.put('record', id, { ...record, heldBy: [...record.heldBy, by] });
      // What is held is not due: nobody has to look at it again and again.
      if (record.eraseAfter !== null) context.delete('due', timedId(record.eraseAfter, id));
    }
    context.emit('held', { records, by });
    return null;
  },
});

export const release = transaction({
  summary: 'Ends a legal hold of one’s own member.',
  roles: ['guardian'],
  http: 'POST /holds/release',
  rejects: ['unknown-record', 'erased', 'not-held'],
  input: RecordsInputSchema,
  output: z.null(),
  apply(context, { records }) {
    const { member: by } = context.caller;
    for (const id of records) {
      const record = presentRecord(context, id);
      if (!record.heldBy.includes(by)) {
        context.reject('not-held', `${by} does not hold the values of ${id}.`);
      }
      const heldBy = record.heldBy.filter((member) => member !== by);
      if (heldBy.length > 0 || record.eraseAfter === null) {
        context.put('record', id, { ...record, heldBy });
        continue;
      }
      // Whoever looks for what is due has passed the times before this block's.
      const eraseAfter = Math.max(record.eraseAfter, context.time);
      context.put('record', id, { ...record, heldBy, eraseAfter });
      context.put('due', timedId(eraseAfter, id), {});
    }
    context.emit('released', { records, by });
    return null;
  },
});

const DisputeInputSchema = z.strictObject({
  record: DigestSchema,
  reason: z.enum(DISPUTE_REASONS),
});

export const dispute = transaction({
  summary: 'Says for one’s member that values are not what was signed, or do not come.',
  roles: [],
  http: 'POST /disputes',
  rejects: ['unknown-record', 'erased', 'disputed-already'],
  input: DisputeInputSchema,
  output: z.null(),
  apply(context, { record: id, reason }) {
    presentRecord(context, id);
    const { member: by } = context.caller;
    const before = context.get('dispute', `${id}/${by}`);
    if (before?.settledAt === null) {
      context.reject('disputed-already', `${by} disputes the values of ${id} already.`);
    }
    context.put('dispute', `${id}/${by}`, { reason, at: context.time, settledAt: null });
    context.emit('disputed', { record: id, by, reason });
    return null;
  },
});

export const settle = transaction({
  summary: 'Ends a dispute of one’s own member.',
  roles: [],
  http: 'POST /disputes/settle',
  rejects: ['not-disputed'],
  input: DisputeInputSchema.omit({ reason: true }),
  output: z.null(),
  apply(context, { record: id }) {
    const { member: by } = context.caller;
    const open = context.get('dispute', `${id}/${by}`);
    if (!open || open.settledAt !== null) {
      return context.reject('not-disputed', `${by} disputes no values of ${id}.`);
    }
    context.put('dispute', `${id}/${by}`, { ...open, settledAt: context.time });
    return null;
  },
});
