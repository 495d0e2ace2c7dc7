/**
 * Twins scenarios (Bano et al., "Twins: BFT Systems Made Robust", OPODIS 2021): some members have two
 * correct nodes with one key, and each view has its leader and its partitions. A message passes only
 * between nodes that share a partition in its sender's view. Views are rounds; after the last one the
 * network is whole again, as it is in a view that lasts too long.
 */
import { decodeRequest } from '../../shared/consensus/message.ts';
import { Cluster } from './cluster.ts';
import { reckon } from './reckoning.ts';
import type { Scheduler } from './scheduler.ts';
import { Subscriber } from './subscriber.ts';

export interface View {
  /** Indices of the members that lead; of a member with two nodes both do. */
  readonly leader: number;
  /** Labels: `member-<i>`, or `member-<i>-a` and `-b` for twins. */
  readonly partitions: readonly (readonly string[])[];
}

export interface Scenario {
  readonly members: number;
  /** The first so many members have a twin. */
  readonly twins: number;
  readonly views: readonly View[];
}

/** Rounds are entered by certificates only, so a view without a quorum on either side has to end. */
const VIEW_MS = 700;
const AFTER_MS = 30_000;

/** Runs a scenario; throws where two correct nodes disagree, or what was accepted never ends. */
export async function runScenario({
  members,
  twins,
  views,
}: Scenario): Promise<{ commits: number }> {
  const scripted: number[] = [];
  for (const [index, { leader }] of views.entries()) scripted[index + 1] = leader;
  (globalThis as { scriptedLeaders?: number[] }).scriptedLeaders = scripted;
  try {
    const cluster = new Cluster({
      seed: 1,
      replicas: members,
      host: 'process',
      twinned: Array.from({ length: twins }, (_, index) => `member-${index}`),
      parameters: { tenureRounds: 1, baseTimeoutMs: 100, timeoutMsMax: 200 },
    });
    const { scheduler } = cluster;
    const sides = views.map(({ partitions }) => partitions.map((labels) => new Set(labels)));
    const entered = new Map<number, number>();
    cluster.network.passes = (from, to, message) => {
      const { qc, tc } = decodeRequest(message).standing;
      const view = Math.max(qc.round, tc?.round ?? 0);
      const since = entered.get(view) ?? scheduler.now;
      entered.set(view, since);
      const side = sides[view];
      if (!side || scheduler.now - since > VIEW_MS) return true;
      return side.some((labels) => labels.has(from.label) && labels.has(to.label));
    };
    const promised = { acknowledged: new Map(), accepted: new Map() };
    for (const [index, node] of cluster.correct.entries()) {
      for (let turn = 0; turn < 2; turn++) {
        scheduler.after(50 + 300 * turn + index, () => {
          const transaction = cluster.raise(node.member, 'a', 600_000);
          void node.submit(transaction, 0).then(() => {
            promised.accepted.set(transaction.id, { transaction, node });
          });
        });
      }
    }
    await scheduler.runUntil(scheduler.now + views.length * 2 * VIEW_MS + AFTER_MS);
    if (cluster.violation) throw cluster.violation;
    return { commits: await reckon(cluster, promised, new Subscriber()) };
  } finally {
    delete (globalThis as { scriptedLeaders?: number[] }).scriptedLeaders;
  }
}

/** The labels of a scenario's nodes. */
export const labelsOf = (members: number, twins: number): string[] =>
  Array.from({ length: members }, (_, index) =>
    index < twins ? [`member-${index}-a`, `member-${index}-b`] : [`member-${index}`],
  ).flat();

/** All ways to split labels into two sides of which the first has a quorum's worth of nodes, or all. */
export function twoSides(labels: readonly string[]): string[][][] {
  const ways: string[][][] = [];
  for (let bits = 0; bits < 2 ** (labels.length - 1); bits++) {
    const first = labels.filter((_, index) => index === labels.length - 1 || (bits >> index) & 1);
    ways.push([first, labels.filter((label) => !first.includes(label))]);
  }
  return ways;
}

/** Every scenario of so many views over leaders and two-sided partitions, in a fixed order. */
export function* everyScenario(members: number, twins: number, views: number): Generator<Scenario> {
  const choices: View[] = [];
  for (const partitions of twoSides(labelsOf(members, twins))) {
    for (let leader = 0; leader < members; leader++) choices.push({ leader, partitions });
  }
  for (let index = 0; index < choices.length ** views; index++) {
    const drawn: View[] = [];
    for (let rest = index, view = 0; view < views; view++) {
      drawn.push(choices[rest % choices.length]!);
      rest = Math.floor(rest / choices.length);
    }
    yield { members, twins, views: drawn };
  }
}

/** A scenario of any length, drawn at random; quiet views in between let something be committed. */
export function randomScenario(scheduler: Scheduler, members: number, twins: number): Scenario {
  const labels = labelsOf(members, twins);
  const ways = twoSides(labels);
  const views = Array.from({ length: scheduler.between(4, 10) }, () => ({
    leader: scheduler.chance(0.4) ? 0 : scheduler.between(0, members - 1),
    partitions: scheduler.chance(0.3) ? [labels] : scheduler.pick(ways),
  }));
  return { members, twins, views };
}
