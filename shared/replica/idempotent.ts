/**
 * Custodial calls with a nonce of their caller's count once, without a table: their notAfter lies on
 * a grid, so the same call signed again is the same transaction, and one that was signed a few grid
 * steps ago is found by its id.
 */

/** How many steps back a repeat is looked for. With a window of 10 minutes that is 40 minutes. */
const STEPS_BACK = 16;

/**
 * The times that a call made at `now` may carry, the newest first: a quarter to half of the window
 * ahead. Those of a call made later begin with newer ones and hold the older ones on.
 */
export function notAfterCandidates(now: number, transactionWindowMs: number): number[] {
  const step = Math.max(1, Math.floor(transactionWindowMs / 4));
  const newest = (Math.floor(now / step) + 2) * step;
  return Array.from({ length: STEPS_BACK + 1 }, (_, back) => newest - back * step).filter(
    (time) => time >= 0,
  );
}
