/** The usage store in memory. */
import type { UsageNumbers, UsageOfDay, UsageStore } from '../../shared/ports/usage-store.ts';

/** The day with the numbers added; null where they do not fit. What is given back may be of the day before. */
export function addedUsage(
  before: UsageOfDay,
  numbers: UsageNumbers,
  most: { readonly transactions: number; readonly storedBytes: number },
): UsageOfDay | null {
  const after: UsageOfDay = {
    day: before.day,
    requests: before.requests + numbers.requests,
    reads: before.reads + numbers.reads,
    transactions: Math.max(0, before.transactions + numbers.transactions),
    bytesIn: Math.max(0, before.bytesIn + numbers.bytesIn),
    storedBytes: before.storedBytes + numbers.bytesIn,
  };
  const { transactions, bytesIn } = numbers;
  const isFull = transactions > 0 && after.transactions > most.transactions;
  const isTooLarge = (transactions > 0 || bytesIn > 0) && after.storedBytes > most.storedBytes;
  return isFull || isTooLarge ? null : after;
}

/** A day before anything was used on it. */
export const unusedDay = (day: string, storedBytes: number): UsageOfDay => ({
  day,
  requests: 0,
  reads: 0,
  transactions: 0,
  bytesIn: 0,
  storedBytes,
});

export interface MemoryUsageOptions {
  /** What is known from before. */
  readonly days?: readonly (UsageOfDay & { readonly tenant: string })[];
  /** Told of each change. */
  readonly onChange?: (tenant: string, usage: UsageOfDay) => void;
}

export function memoryUsageStore({ days = [], onChange }: MemoryUsageOptions = {}): UsageStore {
  const tenants = new Map<string, Map<string, UsageOfDay>>();
  const of = (tenant: string): Map<string, UsageOfDay> => {
    const known = tenants.get(tenant) ?? new Map<string, UsageOfDay>();
    tenants.set(tenant, known);
    return known;
  };
  for (const { tenant, ...usage } of days) of(tenant).set(usage.day, usage);

  return {
    async add(tenant, day, numbers, most) {
      const own = of(tenant);
      const before = own.get(day) ?? unusedDay(day, storedBefore(own, day));
      const after = addedUsage(before, numbers, most);
      if (!after) return { added: false, usage: before };
      own.set(day, after);
      onChange?.(tenant, after);
      return { added: true, usage: after };
    },
    async read(tenant, from, to) {
      return [...of(tenant).values()]
        .filter(({ day }) => from <= day && day <= to)
        .sort((a, b) => (a.day < b.day ? -1 : 1));
    },
  };
}

function storedBefore(days: ReadonlyMap<string, UsageOfDay>, day: string): number {
  const earlier = [...days.values()].filter((usage) => usage.day < day);
  return Math.max(0, ...earlier.map(({ storedBytes }) => storedBytes));
}
