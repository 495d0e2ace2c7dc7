/**
 * What tenants used of a node, a record a tenant and day: the meter counts in it, and quotas are held
 * against it.
 *
 * The law:
 * - `add` adds all of its numbers or, where they hold transactions or bytes and a total of those would exceed `most`,
 *   none: never some of them. Two adds at once both count, whichever invocation of the node made them.
 * - `storedBytes` goes on from the day before.
 * - Totals survive a restart. An add whose reply was lost may count twice.
 * - `read` answers the days from `from` to `to`, both included, on which there was something, in order.
 */

/** Numbers of one tenant and day. */
export interface UsageNumbers {
  /** Requests that were let through. */
  readonly requests: number;
  /** Those of them that read. */
  readonly reads: number;
  /** Transactions that were taken on, and the bytes of those and of attachments. */
  readonly transactions: number;
  readonly bytesIn: number;
}

export interface UsageOfDay extends UsageNumbers {
  /** UTC, `YYYY-MM-DD`. */
  readonly day: string;
  /** Bytes that were taken on until the end of the day. */
  readonly storedBytes: number;
}

export interface UsageMost {
  readonly transactions: number;
  readonly storedBytes: number;
}

export interface UsageStore {
  /** Answers the day as it is then, and whether the numbers were added to it. */
  add(
    tenant: string,
    day: string,
    numbers: UsageNumbers,
    most: UsageMost,
  ): Promise<{ readonly added: boolean; readonly usage: UsageOfDay }>;
  read(tenant: string, from: string, to: string): Promise<UsageOfDay[]>;
}
