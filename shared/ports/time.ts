/** How long a node has waited already when it sets its alarm. */
export interface Waited {
  /** Rings since the last commit. */
  readonly rings: number;
  /** The height of the head. */
  readonly height: number;
  /** The last round of the tenure that it waited for. */
  readonly round: number;
}

/** Of two waits of one node the one that has got further; rings count anew at each height and tenure. */
export function longerWait(a: Waited, b: Waited): Waited {
  if (a.height !== b.height) return a.height > b.height ? a : b;
  if (a.round !== b.round) return a.round > b.round ? a : b;
  return a.rings >= b.rings ? a : b;
}

/** The node's clock, its one alarm, and the bounded waits of its clients. The core never looks at another clock. */
export interface Time {
  /** Milliseconds since 1970 by this node's clock. It may be skewed and may jump. */
  now(): number;
  /**
   * Rings `ring` once, not before `at` (by this clock). A later call replaces an earlier one; null
   * cancels. A ring that comes late, or once more than asked for, is harmless. A host whose memory
   * ends before the ring hands `waited` to `ring`; where it has several memories at once, the longest wait
   * of all that set the alarm: otherwise they would keep each other at the first ring.
   */
  alarm(at: number | null, waited: Waited): void;
  /** Calls once after `ms` unless the answered function is called first: for a client's bounded wait. */
  after(ms: number, call: () => void): () => void;
}
