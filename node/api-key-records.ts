/**
 * API keys as they are stored: hashes only. A key's secret is 32 random bytes, so one SHA-256 of it is
 * enough.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { ApiKey, Tenant } from '../shared/api/tenant.ts';
import { IdentityNameSchema, MemberIdSchema } from '../shared/ledger/genesis.ts';

const time = z.iso.datetime();

export const ApiKeyRecordSchema = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{12}$/),
  /** SHA-256 of the secret's text, hex. */
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  member: MemberIdSchema,
  identity: IdentityNameSchema,
  createdAt: time,
  revokedAt: time.optional(),
});

/** A key as it is stored: what may be listed. */
export type ApiKeyRecord = z.infer<typeof ApiKeyRecordSchema>;

/** Makes a key for an identity of a member: the record to store, and the text, which is stored nowhere. */
export function newApiKey(options: {
  readonly member: string;
  readonly identity: string;
  readonly now: Date;
}): { readonly record: ApiKeyRecord; readonly text: string } {
  const { member, identity, now } = options;
  const id = randomBytes(6).toString('hex');
  const secret = randomBytes(32).toString('base64url');
  const hash = hashOf(secret).toString('hex');
  const createdAt = now.toISOString();
  const record = ApiKeyRecordSchema.parse({ id, hash, member, identity, createdAt });
  return { record, text: `fuqi_${member}_${id}_${secret}` };
}

/** The tenant of a key that was given, by its record; undefined where the secret is wrong or it is revoked. */
export function tenantOf(record: ApiKeyRecord, given: ApiKey): Tenant | undefined {
  const matches = timingSafeEqual(hashOf(given.secret), Buffer.from(record.hash, 'hex'));
  if (!matches || record.revokedAt) return undefined;
  return { member: record.member, identity: record.identity, keyId: record.id };
}

const hashOf = (secret: string): Buffer => createHash('sha256').update(secret).digest();
