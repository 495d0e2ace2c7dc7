/**
 * What a tenant may use, and the refusal where it would use more: a 429 problem document that names the
 * limit, its value and when it frees.
 */
import { z } from 'zod';
import { type ProblemDocument, problemDocument } from './problem.ts';

export const TenantLimitsSchema = z.strictObject({
  /** Requests a second on the long run, and how many more at once. */
  requestsPerSecond: z.number().positive().max(100_000),
  burst: z.int().min(1).max(1_000_000),
  /** Transactions that a node takes on in one day (UTC): repeats, and those that a block refuses, included. */
  transactionsPerDay: z.int().min(0),
  /** Bytes of all transactions and attachments that a node ever took on. */
  storedBytes: z.int().min(0),
});
export type TenantLimits = z.infer<typeof TenantLimitsSchema>;

/** What a hosted member may use unless the consortium's file says otherwise. */
export const DEFAULT_TENANT_LIMITS: TenantLimits = {
  requestsPerSecond: 200,
  burst: 1000,
  transactionsPerDay: 1_000_000,
  storedBytes: 10 * 1024 ** 3,
};

/** What a node on its member's own machine is held to unless its configuration says otherwise: it counts. */
export const NO_TENANT_LIMITS: TenantLimits = {
  requestsPerSecond: 100_000,
  burst: 1_000_000,
  transactionsPerDay: Number.MAX_SAFE_INTEGER,
  storedBytes: Number.MAX_SAFE_INTEGER,
};

/** Which limit a request would exceed. */
export interface LimitReached {
  readonly name: 'requestsPerSecond' | 'transactionsPerDay' | 'storedBytes';
  readonly value: number;
  /** Milliseconds since 1970 of this refusal, and when the limit frees; null where only a higher limit helps. */
  readonly now: number;
  readonly freesAt: number | null;
}

/** A limit that time does not free may have been raised after this long. */
const ASK_AGAIN_S = 3600;

/** Seconds until it is worth to ask again, for `Retry-After`; at least one. */
export const retryAfterSeconds = ({
  now,
  freesAt,
}: Pick<LimitReached, 'now' | 'freesAt'>): number =>
  freesAt === null ? ASK_AGAIN_S : Math.max(1, Math.ceil((freesAt - now) / 1000));

const SENTENCES: Readonly<Record<LimitReached['name'], (value: number) => string>> = {
  requestsPerSecond: (value) => `This tenant may make ${value} requests a second, and made more.`,
  transactionsPerDay: (value) =>
    `This tenant may make ${value} transactions a day, and has made them; the day ends at midnight UTC.`,
  storedBytes: (value) =>
    `This tenant may store ${value} bytes of transactions and attachments, and this would be more; only a higher limit helps.`,
};

/** The refusal as a problem document; answer it with `Retry-After`. */
export function limitProblem(reached: LimitReached): ProblemDocument {
  const { name, value, freesAt } = reached;
  return problemDocument(
    name === 'requestsPerSecond' ? 'rate-limited' : 'quota-exceeded',
    SENTENCES[name](value),
    {
      limit: { name, value, freesAt: freesAt === null ? null : new Date(freesAt).toISOString() },
      retry: freesAt === null ? 'none' : 'same',
    },
  );
}
