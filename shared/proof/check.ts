/** A check of a proof that failed, and how one is made. */

/** A check that failed. */
export class Invalid extends Error {}

/** Fails with a reason unless the condition holds. */
export function check(condition: unknown, reason: string): asserts condition {
  if (!condition) throw new Invalid(reason);
}
