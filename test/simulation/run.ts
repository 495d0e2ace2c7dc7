/** One simulated run: a bad time, then a good one, then the reckoning. A function of its seed. */
import { Rejected } from '../../shared/ledger/rejection.ts';
import type { Transaction } from '../../shared/ledger/transaction.ts';
import { Cluster } from './cluster.ts';
import { type FaultCounts, type Faults, NO_FAULTS } from './faults.ts';
import {
  BAD_MS,
  type Cast,
  castOf,
  drawFaults,
  type Loss,
  scheduleClocks,
  scheduleDecisions,
  scheduleLoss,
  schedulePartitions,
} from './plan.ts';
import { assertIdle, type Promised, reckon } from './reckoning.ts';
import { Subscriber } from './subscriber.ts';

/** After the network healed, everything accepted ends within this much virtual time: the liveness bound. */
export const GOOD_MS = 30_000;
const LAST_MS = 10_000;
/** How long nothing goes wrong where members decide on a new epoch at once. */
const CALM_MS = 500;
const TRANSACTIONS = 8;
const COUNTERS = 3;

export interface RunSummary {
  readonly seed: number;
  readonly replicas: number;
  readonly rounds: number;
  readonly commits: number;
  readonly acknowledged: number;
  readonly messages: number;
  readonly faults: FaultCounts;
}

export interface RunOptions {
  readonly trace?: (line: string) => void;
  /** Who takes part, where the seed does not say it. */
  readonly cast?: Cast;
  /** What goes wrong besides, where the seed does not say it. */
  readonly faults?: Faults;
  /** The next epoch begins in the bad time. */
  readonly newEpoch?: boolean;
  /** What happens to a correct member, if the cast allows it. */
  readonly loss?: Loss;
  /** Pending transactions that a node holds at the most, where that is few. */
  readonly mempool?: number;
}

/** Runs a seed; throws an Error that names what was violated. */
export async function simulate(
  seed: number,
  replicas: number,
  options: RunOptions = {},
): Promise<RunSummary> {
  const { trace, cast = castOf(seed, replicas), faults, newEpoch = false, loss, mempool } = options;
  const cluster = new Cluster({
    ...{ seed, replicas, ...cast },
    ...(mempool !== undefined && { mempool }),
    ...(trace && { trace }),
  });
  const { scheduler } = cluster;
  const from = scheduler.now;
  const drawn = drawFaults(cluster);
  if (newEpoch) scheduler.after(CALM_MS, () => (cluster.faults = faults ?? drawn));
  else cluster.faults = faults ?? drawn;
  const promised: Promised = { acknowledged: new Map(), accepted: new Map() };
  const submitLater = (delayMs: number, member: string, transaction: Transaction): void => {
    scheduler.after(delayMs, () => submit(cluster, member, transaction, promised));
  };
  for (let index = 0; index < TRANSACTIONS; index++) {
    const member = scheduler.pick(cluster.members);
    // Some have to be committed soon or never.
    const windowMs = scheduler.pick([60_000, 60_000, 60_000, BAD_MS]);
    const transaction = cluster.raise(member, `c${index % COUNTERS}`, windowMs);
    submitLater(scheduler.between(0, BAD_MS), member, transaction);
  }
  schedulePartitions(cluster);
  scheduleClocks(cluster);
  scheduleLoss(cluster, loss);
  scheduleDecisions(cluster, submitLater, newEpoch);
  const subscriber = scheduleSubscriber(cluster);

  await scheduler.runUntil(from + BAD_MS);
  cluster.faults = NO_FAULTS;
  cluster.network.heal();
  await scheduler.runUntil(from + BAD_MS + GOOD_MS);
  if (cluster.violation) throw cluster.violation;
  assertIdle(cluster);
  // An idle network sends nothing, so who missed the last message learns of it with the next one.
  const [member] = cluster.correct.map((node) => node.member) as [string];
  submit(cluster, member, cluster.raise(member, 'last', 60_000), promised);
  await scheduler.runUntil(from + BAD_MS + GOOD_MS + LAST_MS);
  if (cluster.violation) throw cluster.violation;
  const commits = await reckon(cluster, promised, subscriber);
  return {
    seed,
    replicas,
    rounds: cluster.rounds,
    commits,
    acknowledged: promised.acknowledged.size,
    messages: cluster.network.messages,
    faults: { ...cluster.counts, crash: cluster.crashes },
  };
}

/** A client of a node: what a correct node answers is a promise. */
function submit(
  cluster: Cluster,
  member: string,
  transaction: Transaction,
  { acknowledged, accepted }: Promised,
): void {
  const node = cluster.correct.find((candidate) => candidate.member === member);
  const other = cluster.nodes.find((candidate) => candidate.member === member)!;
  const waitMs = cluster.scheduler.between(0, 1500);
  (node ?? other).submit(transaction, waitMs).then(
    (status) => {
      if (!node || status instanceof Rejected) return;
      accepted.set(transaction.id, { transaction, node });
      if (status.status === 'committed' || status.status === 'rejected') {
        acknowledged.set(transaction.id, status.height);
      }
    },
    // The node is down, or its store failed: nothing was promised.
    () => {},
  );
}

function scheduleSubscriber(cluster: Cluster): Subscriber {
  const { scheduler } = cluster;
  const subscriber = new Subscriber();
  for (let poll = 0; poll < 4; poll++) {
    scheduler.after(scheduler.between(0, BAD_MS), () => {
      const limit = scheduler.between(1, 6);
      const reader = scheduler.pick(cluster.correct).inspect();
      void reader.then((replica) => subscriber.poll(replica, limit));
    });
  }
  return subscriber;
}
