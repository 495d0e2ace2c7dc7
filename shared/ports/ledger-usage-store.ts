/**
 * What a member has on the ledger, by days: a tally of final blocks, kept so that it need not be counted
 * again. Each record stands for all blocks up to its height, so the newest says how far the count is.
 *
 * The law:
 * - `put` replaces records of the same days; they are there in the order given, whatever comes between.
 * - Records of one height are the same whoever counted: one that overwrites a newer one is harmless.
 */

export interface LedgerUsageOfDay {
  /** Of block time, UTC, `YYYY-MM-DD`. */
  readonly day: string;
  /** The last block of the day that is counted. */
  readonly height: number;
  /** The member's transactions in the day's final blocks. */
  readonly committed: number;
  readonly refused: number;
  /** Their bytes, and those of all of the member's transactions until then. */
  readonly bytes: number;
  readonly storedBytes: number;
}

export interface LedgerUsageStore {
  newest(): Promise<LedgerUsageOfDay | undefined>;
  /** Days in rising order. */
  put(records: readonly LedgerUsageOfDay[]): Promise<void>;
  /** The days from `from` to `to`, both included, in order. */
  read(from: string, to: string): Promise<LedgerUsageOfDay[]>;
}
