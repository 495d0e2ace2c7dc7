/**
 * The `Prefer` header (RFC 7240): how long a caller wants to wait for a commit. As the RFC asks,
 * what is unknown or malformed in it is ignored, and what was honoured is said in the answer.
 */
import { LIMITS } from '../ledger/limits.ts';

export interface WaitPreference {
  readonly waitMs: number;
  /** The value for `Preference-Applied`, where a preference was honoured. */
  readonly applied?: string;
}

/** Reads `wait=N` (seconds, at most 25) and `respond-async`; `fallbackMs` where neither is asked for. */
export function waitPreference(header: string | null, fallbackMs: number): WaitPreference {
  const secondsMax = LIMITS.waitMsMax / 1000;
  for (const item of (header ?? '').split(',')) {
    const [preference = ''] = item.split(';', 1);
    const [name = '', value = ''] = preference.split('=', 2).map((part) => part.trim());
    if (name.toLowerCase() === 'respond-async') return { waitMs: 0, applied: 'respond-async' };
    const digits = /^(?:"([0-9]{1,9})"|([0-9]{1,9}))$/.exec(value);
    if (name.toLowerCase() === 'wait' && digits) {
      const seconds = Math.min(Number(digits[1] ?? digits[2]), secondsMax);
      return { waitMs: seconds * 1000, applied: `wait=${seconds}` };
    }
  }
  return { waitMs: fallbackMs };
}
