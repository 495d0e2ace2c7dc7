/**
 * Counts what tenants use, and refuses what would be more than their limits. The rate is held by a token
 * bucket in memory; a node whose invocations share no memory learns of the others' requests from the
 * totals that each count brings back, and takes tokens for them too. Quotas are held by the store's
 * conditional add, so they are exact.
 */
import type { UsageNumbers, UsageOfDay, UsageStore } from '../ports/usage-store.ts';
import type { LimitReached, TenantLimits } from './tenant-limits.ts';
import { tokenBuckets } from './token-bucket.ts';

export interface Meter {
  /** Before a request is served: whether the tenant may make one now. */
  admit(tenant: string): LimitReached | undefined;
  /** Counts a request that reads; resolves when what had to be stored of it is. */
  read(tenant: string): Promise<void>;
  /** Before a transaction is taken on: counts it, or says which limit is in the way. */
  transaction(tenant: string, bytes: number): Promise<LimitReached | undefined>;
  /** Before a file is taken on: counts its bytes, or says that they are too many. */
  file(tenant: string, bytes: number): Promise<LimitReached | undefined>;
  /** A transaction or a file that was counted was not taken on after all; the store hears of it with the next. */
  giveBack(tenant: string, bytes: number, what?: 'transaction' | 'file'): void;
  /** What a tenant used, by days. */
  usage: UsageStore['read'];
}

export interface MeterOptions {
  readonly store: UsageStore;
  readonly limits: TenantLimits;
  readonly now: () => number;
  /** Reads that are counted together; 1 in `readsTogether` leads to a write. */
  readonly readsTogether?: number;
  /** Told of numbers when they are stored, for a monitor. */
  readonly onUsage?: (tenant: string, numbers: UsageNumbers, usage: UsageOfDay) => void;
  /** Told of each refusal. */
  readonly onRefused?: (tenant: string, reached: LimitReached) => void;
  /** The store failed: what it should have counted is counted with the next. */
  readonly onFault?: (error: unknown) => void;
}

/** Who calls without a key: they share one set of limits. No member is named so. */
export const ANONYMOUS = '-';

/** One add for many transactions of a batch. */
const TOGETHER_MAX = 100;
const DAY_MS = 24 * 3600 * 1000;
const NONE: UsageNumbers = { requests: 0, reads: 0, transactions: 0, bytesIn: 0 };

/** The day of a time, UTC. */
export const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

interface Charge {
  readonly bytes: number;
  readonly settle: (reached: LimitReached | undefined) => void;
}

interface Tenant {
  /** Not told to the store yet. */
  waiting: UsageNumbers;
  /** Requests of the day as the store last had them. */
  known: { readonly day: string; readonly requests: number } | null;
  /** The day whose transactions are used up. */
  fullDay: string | null;
  readonly charges: Charge[];
  settling: Promise<void> | null;
}

export function meter(options: MeterOptions): Meter {
  const { store, limits, now, readsTogether = 1, onUsage, onRefused, onFault } = options;
  const buckets = tokenBuckets(limits.requestsPerSecond, limits.burst);
  const most = { transactions: limits.transactionsPerDay, storedBytes: limits.storedBytes };
  const tenants = new Map<string, Tenant>();

  function stateOf(tenant: string): Tenant {
    const state = tenants.get(tenant) ?? {
      waiting: NONE,
      known: null,
      fullDay: null,
      charges: [],
      settling: null,
    };
    tenants.set(tenant, state);
    return state;
  }

  /** Tells the store what waits, with `more`. */
  async function tell(tenant: string, more: Pick<UsageNumbers, 'transactions' | 'bytesIn'>) {
    const state = stateOf(tenant);
    const day = dayOf(now());
    const before = state.waiting;
    const numbers = plus(before, { ...NONE, ...more });
    state.waiting = NONE;
    try {
      const result = await store.add(tenant, day, numbers, most);
      const { added, usage } = result;
      if (!added) state.waiting = plus(state.waiting, before);
      if (added) onUsage?.(tenant, numbers, usage);
      learn(tenant, state, usage, added ? numbers.requests : 0);
      return result;
    } catch (error) {
      // Whoever is served must not fail because it could not be counted.
      state.waiting = plus(state.waiting, numbers);
      onFault?.(error);
      return null;
    }
  }

  /** Other invocations' requests since the last time take tokens here too. */
  function learn(tenant: string, state: Tenant, { day, requests }: UsageOfDay, own: number): void {
    const before = state.known;
    state.known = { day, requests };
    // The first look has nothing to compare with.
    if (!before) return;
    const others = requests - own - (before.day === day ? before.requests : 0);
    if (others > 0) buckets.owe(tenant, others, now());
  }

  async function settle(tenant: string, state: Tenant): Promise<void> {
    while (state.charges.length > 0) {
      const group = state.charges.splice(0, TOGETHER_MAX);
      const bytesIn = group.reduce((sum, { bytes }) => sum + bytes, 0);
      const result = await tell(tenant, { transactions: group.length, bytesIn });
      if (!result || result.added) {
        for (const { settle: done } of group) done(undefined);
        continue;
      }
      // As many as fit are tried again; the one after them is refused, so this comes to an end.
      const fitting = fits(group, result.usage, limits);
      const [surplus] = group.splice(fitting, 1);
      const reached = reachedBy(result.usage, surplus!.bytes);
      if (reached.name === 'transactionsPerDay') {
        state.fullDay = result.usage.day;
        for (const { settle: done } of group.splice(fitting)) done(reached);
      }
      surplus!.settle(reached);
      state.charges.unshift(...group);
    }
    state.settling = null;
  }

  function reachedBy(usage: UsageOfDay, bytes: number): LimitReached {
    if (usage.storedBytes + bytes > limits.storedBytes && usage.transactions < most.transactions) {
      return bytesFull();
    }
    return dayFull(now());
  }

  const bytesFull = (): LimitReached => ({
    name: 'storedBytes',
    value: limits.storedBytes,
    now: now(),
    freesAt: null,
  });

  const dayFull = (at: number): LimitReached => ({
    name: 'transactionsPerDay',
    value: limits.transactionsPerDay,
    now: at,
    freesAt: (Math.floor(at / DAY_MS) + 1) * DAY_MS,
  });

  function refused(tenant: string, reached: LimitReached): LimitReached {
    onRefused?.(tenant, reached);
    return reached;
  }

  return {
    admit(tenant) {
      const at = now();
      const freesAt = buckets.take(tenant, at);
      if (freesAt !== null) {
        const value = limits.requestsPerSecond;
        return refused(tenant, { name: 'requestsPerSecond', value, now: at, freesAt });
      }
      const state = stateOf(tenant);
      state.waiting = plus(state.waiting, { ...NONE, requests: 1 });
      return undefined;
    },
    async read(tenant) {
      const state = stateOf(tenant);
      state.waiting = plus(state.waiting, { ...NONE, reads: 1 });
      if (state.waiting.requests >= readsTogether)
        await tell(tenant, { transactions: 0, bytesIn: 0 });
    },
    async transaction(tenant, bytes) {
      const state = stateOf(tenant);
      const at = now();
      if (state.fullDay === dayOf(at)) return refused(tenant, dayFull(at));
      const reached = await new Promise<LimitReached | undefined>((resolve) => {
        state.charges.push({ bytes, settle: resolve });
        state.settling ??= settle(tenant, state);
      });
      return reached && refused(tenant, reached);
    },
    async file(tenant, bytes) {
      const result = await tell(tenant, { transactions: 0, bytesIn: bytes });
      return !result || result.added ? undefined : refused(tenant, bytesFull());
    },
    giveBack(tenant, bytes, what = 'transaction') {
      const state = stateOf(tenant);
      const transactions = what === 'transaction' ? -1 : 0;
      state.waiting = plus(state.waiting, { ...NONE, transactions, bytesIn: -bytes });
      state.fullDay = null;
    },
    usage: (tenant, from, to) => store.read(tenant, from, to),
  };
}

const plus = (a: UsageNumbers, b: UsageNumbers): UsageNumbers => ({
  requests: a.requests + b.requests,
  reads: a.reads + b.reads,
  transactions: a.transactions + b.transactions,
  bytesIn: a.bytesIn + b.bytesIn,
});

/** How many of the charges, from the first, a day has room for. */
function fits(group: readonly Charge[], usage: UsageOfDay, limits: TenantLimits): number {
  let room = limits.storedBytes - usage.storedBytes;
  const count = Math.max(0, limits.transactionsPerDay - usage.transactions);
  let fitting = 0;
  for (const { bytes } of group) {
    room -= bytes;
    if (room < 0 || fitting === count) break;
    fitting++;
  }
  return Math.min(fitting, group.length - 1);
}
