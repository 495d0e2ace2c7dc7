/** How long a node has waited already when it sets its alarm. */
export interface Waited {
  /** Rings since the last commit. */
  readonly rings: number;
  /** The height of the head. */
  readonly height: number;
  /** The last round of the tenure that it waited for. */
  readonly round: number;
}

/** The node's clock, its one alarm, and the bounded waits of its clients. The core never looks at another clock. */
export interface Time {
  /** Milliseconds since 1970 by this node's clock. It may be skewed and may jump. */
  now(): number;
  /**
   * Rings `ring` once, not before `at` (by this clock). A later call replaces an earlier one; null
   * cancels. A ring that comes late, or once more than asked for, is harmless. A host whose memory
   * ends before the ring hands `waited` to `ring`.
   */
  alarm(at: number | null, waited: Waited): void;
  /** Calls once after `ms` unless the answered function is called first: for a client's bounded wait. */
  after(ms: number, call: () => void): () => void;
}
