/** The node's clock and its one alarm. The core never looks at another clock. */
export interface Time {
  /** Milliseconds since 1970 by this node's clock. It may be skewed and may jump. */
  now(): number;
  /**
   * Rings `ring` once, not before `at` (by this clock). A later call replaces an earlier one; null
   * cancels. A ring that comes late, or once more than asked for, is harmless.
   */
  alarm(at: number | null): void;
}
