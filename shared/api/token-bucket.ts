/**
 * A token bucket (RFC 2697 §3, with one rate): `burst` tokens at the most, `rate` new ones a second; a
 * request takes one. Holds one bucket a tenant, so nobody's flood takes another's tokens.
 */

export interface TokenBuckets {
  /** Takes a token at `now` (milliseconds): null, or the time from which there is one. */
  take(tenant: string, now: number): number | null;
  /**
   * Takes tokens for what was let through elsewhere since the last time; they may be owed. What a full
   * bucket spilled since then was free for others to use.
   */
  owe(tenant: string, tokens: number, now: number): void;
}

interface Bucket {
  tokens: number;
  /** Tokens that found the bucket full since `owe`. */
  spilled: number;
  at: number;
}

/** Tenants whose buckets are remembered; a full bucket is as good as none. */
const TENANTS_MAX = 10_000;

/** What sums of fractions may lack of a whole token: less than what comes in a millisecond. */
const ROUNDING = 1e-9;

/** Nobody is locked out for longer than this, however far it was too fast elsewhere. */
const OWED_S_MAX = 60;

export function tokenBuckets(rate: number, burst: number): TokenBuckets {
  const buckets = new Map<string, Bucket>();

  function filled(tenant: string, now: number): Bucket {
    const bucket = buckets.get(tenant) ?? { tokens: burst, spilled: 0, at: now };
    // A clock that was set back brings no tokens, and takes none.
    const gained = (Math.max(0, now - bucket.at) / 1000) * rate;
    bucket.spilled += Math.max(0, bucket.tokens + gained - burst);
    bucket.tokens = Math.min(burst, bucket.tokens + gained);
    bucket.at = now;
    if (!buckets.has(tenant) && buckets.size >= TENANTS_MAX) forgetFull(now);
    buckets.set(tenant, bucket);
    return bucket;
  }

  function forgetFull(now: number): void {
    for (const [tenant, { tokens, at }] of buckets) {
      if (tokens + (Math.max(0, now - at) / 1000) * rate >= burst) buckets.delete(tenant);
    }
  }

  return {
    take(tenant, now) {
      const bucket = filled(tenant, now);
      if (bucket.tokens < 1 - ROUNDING) {
        return now + Math.ceil(((1 - bucket.tokens) / rate) * 1000);
      }
      bucket.tokens -= 1;
      return null;
    },
    owe(tenant, tokens, now) {
      const bucket = filled(tenant, now);
      const owed = bucket.tokens - Math.max(0, tokens - bucket.spilled);
      bucket.tokens = Math.max(-rate * OWED_S_MAX, owed);
      bucket.spilled = 0;
    },
  };
}
