/** Emergency access: without the owner, by somebody who asks and two others who approve; the owner is told. */
import { z } from 'zod';
import { putGrant } from './confidential-grants.ts';
import {
  DigestSchema,
  EmergencySchema,
  presentRecord,
  transaction,
} from './confidential-records.ts';

const APPROVALS = 2;
const HOUR_MS = 3600 * 1000;
/** Each may have an owner of its own, who gets an event of its own. */
const EMERGENCY_RECORDS_MAX = 32;

export const requestEmergency = transaction({
  summary: 'Asks to read records at once, without their owner.',
  roles: ['responder'],
  http: 'POST /emergencies',
  rejects: ['unknown-record', 'erased', 'too-many'],
  input: EmergencySchema.pick({ records: true, hours: true }),
  output: z.strictObject({ emergency: DigestSchema }),
  apply(context, { records, hours }) {
    if (records.length > EMERGENCY_RECORDS_MAX) {
      context.reject('too-many', `${EMERGENCY_RECORDS_MAX} records at the most.`, {
        got: records.length,
      });
    }
    for (const id of records) presentRecord(context, id);
    const { member: reader, keyId: by } = context.caller;
    context.put('emergency', context.transactionId, { reader, by, records, hours, approvals: [] });
    return { emergency: context.transactionId };
  },
});

export const approveEmergency = transaction({
  summary: 'Approves emergency access; the second approval opens it, and every owner is told.',
  roles: ['approver'],
  http: 'POST /emergencies/{emergency}/approve',
  rejects: ['unknown-emergency', 'own-request', 'approved-already', 'unknown-record', 'erased'],
  input: z.strictObject({ emergency: DigestSchema }),
  output: z.strictObject({ approvals: z.int(), grant: DigestSchema.nullable() }),
  apply(context, { emergency: id }) {
    const { caller, time } = context;
    const asked = context.get('emergency', id);
    if (!asked) return context.reject('unknown-emergency', `Nobody has asked for ${id}.`);
    if (caller.keyId === asked.by) {
      context.reject('own-request', 'Who asks does not approve.');
    }
    if (asked.approvals.includes(caller.keyId) || asked.approvals.length === APPROVALS) {
      context.reject('approved-already', 'It was approved, by this identity or by two.');
    }
    const approvals = [...asked.approvals, caller.keyId];
    context.put('emergency', id, { ...asked, approvals });
    if (approvals.length < APPROVALS) return { approvals: approvals.length, grant: null };
    const { reader, hours } = asked;
    const byOwner = new Map<string, string[]>();
    for (const one of asked.records) {
      const { owner } = presentRecord(context, one);
      byOwner.set(owner, [...(byOwner.get(owner) ?? []), one]);
    }
    const grant = context.transactionId;
    for (const [owner, records] of byOwner) {
      putGrant(context, owner, {
        ...{ reader, records, period: null, fields: null, purpose: 'emergency' as const },
        ...{ grantedAt: time, notAfter: time + hours * HOUR_MS, revokedAt: null },
      });
      context.emit('emergency-access', { owner, reader, grant });
    }
    return { approvals: approvals.length, grant };
  },
});
