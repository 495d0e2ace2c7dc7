/** The node's clock, its one alarm, and the bounded waits of its clients. The core never looks at another clock. */
export interface Time {
  /** Milliseconds since 1970 by this node's clock. It may be skewed and may jump. */
  now(): number;
  /**
   * Rings `ring` once, not before `at` (by this clock). A later call replaces an earlier one; null
   * cancels. A ring that comes late, or once more than asked for, is harmless.
   */
  alarm(at: number | null): void;
  /** Calls once after `ms` unless the answered function is called first: for a client's bounded wait. */
  after(ms: number, call: () => void): () => void;
}
