/** How many transactions were committed lately: what tells a client when to come back. */

/** What is "lately". */
const WINDOW_S = 10;

export class CommitPace {
  /** Transactions by the second in which they were committed. */
  readonly #seconds = new Map<number, number>();

  /** Notes a block's transactions at `now`, milliseconds since 1970. */
  note(transactions: number, now: number): void {
    const second = Math.floor(now / 1000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + transactions);
    for (const old of this.#seconds.keys()) if (!isLately(old, second)) this.#seconds.delete(old);
  }

  /** Seconds until so many more are committed at this pace; infinity where nothing was, lately. */
  secondsFor(transactions: number, now: number): number {
    const second = Math.floor(now / 1000);
    let first = second;
    let sum = 0;
    for (const [at, committed] of this.#seconds) {
      if (!isLately(at, second)) continue;
      sum += committed;
      first = Math.min(first, at);
    }
    return sum === 0 ? Number.POSITIVE_INFINITY : (transactions * (second - first + 1)) / sum;
  }
}

/** A clock that was set back makes old entries new ones; they count for nothing. */
const isLately = (at: number, second: number): boolean => at <= second && at > second - WINDOW_S;
