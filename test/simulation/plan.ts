/** What a seed does to its network: drawn once, before it starts. */
import { attestationsNeeded } from '../../shared/consensus/restored.ts';
import { faultsTolerated } from '../../shared/consensus/validators.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { type Cluster, PARAMETERS, SKEW_MS_MAX } from './cluster.ts';
import type { Faults } from './faults.ts';
import type { Host } from './node.ts';
import { Scheduler } from './scheduler.ts';

/** The bad time of a run. */
export const BAD_MS = 2000;

export interface Cast {
  readonly host: Host;
  readonly hostile: number;
  readonly twins: number;
  readonly snapshots: boolean;
  /** Of a function's invocations one drives at a time. */
  readonly leases?: boolean;
}

/** Who takes part: every other seed runs every input from durable state only, as a function does. */
export function castOf(seed: number, replicas: number): Cast {
  const draw = new Scheduler(seed ^ 0x5eed, 0);
  const f = faultsTolerated(replicas);
  const faulty = draw.pick([0, f, f, Math.ceil(f / 2)]);
  const twins = faulty === 0 ? 0 : draw.pick([0, 0, draw.between(1, faulty)]);
  const host = seed % 2 === 0 ? 'process' : 'function';
  const snapshots = draw.chance(0.2);
  const leases = draw.chance(0.5);
  return { host, hostile: faulty - twins, twins, snapshots, leases };
}

export function drawFaults({ scheduler }: Cluster): Faults {
  const drawn = {
    drop: scheduler.pick([0, 0.02, 0.1, 0.25]),
    repeat: scheduler.pick([0, 0.1]),
    replay: scheduler.pick([0, 0, 0.05]),
    delayMsMax: scheduler.pick([5, 30, 200]),
    crash: scheduler.pick([0, 0.0005, 0.003]),
    storeError: scheduler.pick([0, 0, 0.002, 0.01]),
    signerError: scheduler.pick([0, 0, 0.02]),
    storeMsMax: scheduler.pick([0, 0, 0, 5]),
    signerMsMax: scheduler.pick([0, 0, 20, 100]),
    isolate: scheduler.pick([0, 0, 0.1, 0.4]),
    skewMsMax: scheduler.pick([0, SKEW_MS_MAX]),
  };
  return { ...drawn, ambush: 2 * drawn.isolate };
}

/** Partitions that come and go: full ones, partial ones, one-way ones, and twins that change sides. */
export function schedulePartitions(cluster: Cluster): void {
  const { scheduler, network, counts } = cluster;
  const labels = network.endpoints.map(({ label }) => label);
  for (let cut = 0; cut < scheduler.between(0, 3); cut++) {
    const start = scheduler.between(0, BAD_MS);
    const kind = scheduler.pick(['partition', 'one-way', 'partial'] as const);
    scheduler.after(start, () => {
      counts[kind] = (counts[kind] ?? 0) + 1;
      const side = new Set(labels.filter(() => scheduler.chance(0.4)));
      for (const a of labels) {
        for (const b of labels) {
          if (a === b) continue;
          if (kind === 'partial' ? scheduler.chance(0.3) : side.has(a) && !side.has(b)) {
            network.cut(a, b);
            if (kind === 'partition') network.cut(b, a);
          }
        }
      }
    });
    scheduler.after(start + scheduler.between(100, 2000), () => network.heal());
  }
  for (let at = 0; at < BAD_MS; at += scheduler.between(50, 400)) {
    scheduler.after(at, () => network.drawRoutes());
    scheduler.after(at + 20, () => void cluster.stir());
  }
}

/** Clocks that are off, and jump. */
export function scheduleClocks(cluster: Cluster): void {
  const { scheduler, counts } = cluster;
  const { skewMsMax } = cluster.faults;
  if (skewMsMax === 0) return;
  for (const node of cluster.nodes) {
    for (let jump = 0; jump < scheduler.between(1, 3); jump++) {
      scheduler.after(jump === 0 ? 0 : scheduler.between(0, BAD_MS), () => {
        counts['clock-jump'] = (counts['clock-jump'] ?? 0) + 1;
        node.setClock(scheduler.between(-skewMsMax, skewMsMax));
      });
    }
  }
}

export type Loss = 'restore' | 'lost';

/**
 * The worst for a correct member, one at the most and within f: its store is replaced by an older copy,
 * where enough others remember and answer (one validator alone can't be told what it forgot), or it is
 * gone for good. `surely` where the seed does not say it.
 */
export function scheduleLoss(cluster: Cluster, surely: Loss | undefined): void {
  const { scheduler, members, correct, counts } = cluster;
  const n = members.length;
  const faulty = n - correct.length;
  const loss = surely ?? scheduler.pick(['restore', 'lost', ...Array(4).fill(null)] as const);
  if (!loss || faulty + 1 > faultsTolerated(n)) return;
  const node = scheduler.pick(correct);
  const copied = scheduler.between(0, BAD_MS / 2);
  const happens = scheduler.between(copied, BAD_MS);
  // The worst moment is right after it signed: what it says is on its way, and everybody in that round.
  const whenSigned = (then: () => void): void => {
    const soon = (): void => void scheduler.after(scheduler.between(0, 5), then);
    scheduler.after(happens, () => node.onceSigned(soon));
    scheduler.after(BAD_MS, () => node.onceSigned(() => {}));
  };
  if (loss === 'lost') {
    whenSigned(() => cluster.lose(node));
    return;
  }
  if (correct.length - 1 < attestationsNeeded(n)) return;
  const restore = (): void => {
    counts.restore = (counts.restore ?? 0) + 1;
    node.restore();
  };
  scheduler.after(copied, () => node.backUp());
  if (scheduler.chance(0.3)) scheduler.after(happens, restore);
  else whenSigned(restore);
}

/**
 * Members decide something in the midst of it, or soon after: other parameters, or who validates. `early`
 * where the next epoch has to begin in the bad time.
 */
export function scheduleDecisions(cluster: Cluster, submit: SubmitLater, early: boolean): void {
  const { scheduler, members } = cluster;
  if (!scheduler.chance(0.3) && !early) return;
  const parameters = { ...DEFAULT_PARAMETERS, ...PARAMETERS, tenureRounds: scheduler.pick([1, 3]) };
  const last = members.at(-1)!;
  const action =
    scheduler.chance(0.5) || early
      ? ({ kind: 'set-parameters', parameters } as const)
      : ({ kind: 'set-validator', member: last, validator: false } as const);
  if (members.length < 5 && action.kind === 'set-validator') return;
  const start = early ? 0 : scheduler.between(0, BAD_MS / 2);
  const [proposal, ...votes] = cluster.decision(action, 60_000);
  submit(start, proposal!.member, proposal!.transaction);
  for (const [index, { member, transaction }] of votes.entries()) {
    const isSecond = index >= votes.length / 2 && !early;
    const from = isSecond ? BAD_MS : start + 200;
    const spread = isSecond ? 2000 : 600;
    submit(from + scheduler.between(0, early ? 100 : spread), member, transaction);
  }
}

type SubmitLater = (
  delayMs: number,
  member: string,
  transaction: ReturnType<Cluster['raise']>,
) => void;
