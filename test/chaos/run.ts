/** One run: a consortium of real processes, clients, readers, a nemesis; then the reckoning. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Random } from '../support/random.ts';
import { runClient } from './clients.ts';
import { Consortium, MEMBERS } from './consortium.ts';
import { type GapFigures, gapOf, gapsByKind, latencies } from './figures.ts';
import { NodeReader } from './final-history.ts';
import { clock, History, sleep } from './history.ts';
import { runNemesis } from './nemesis.ts';
import { type Reckoning, reckon } from './reckoning.ts';
import { runPager, runPoller, runReplays, runSubscriber } from './subscribers.ts';

export interface ChaosOptions {
  readonly seed: number;
  /** How long the nemesis acts. */
  readonly seconds: number;
  readonly clients: number;
  /** Mean time between a client's calls. */
  readonly thinkMs: number;
  /** The part of the signed transactions that live 2.5 s only; none unless told. */
  readonly shortLived?: number;
  /** The gateway's port; the nodes take the four after it. */
  readonly port: number;
  /** Learns what happens, line by line. */
  readonly onLine?: (line: object) => void;
  /** Leaves the folder with the nodes' logs and stores. */
  readonly keep?: boolean;
}

export interface Summary extends Reckoning {
  readonly seed: number;
  readonly seconds: number;
  readonly acknowledged: number;
  readonly expired: number;
  readonly unknown: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly faults: number;
  readonly gaps: Readonly<Record<string, GapFigures>>;
  readonly reads: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly violations: readonly string[];
}

/** After the last fault, all that was sent has ended within this time. */
const QUIET_MS = 40_000;

/** Runs; throws only where the run itself failed. */
export async function chaos(options: ChaosOptions): Promise<Summary> {
  const { seed, port, onLine = () => {} } = options;
  const root = mkdtempSync(path.join(tmpdir(), 'fuqi-chaos-'));
  const consortium = await Consortium.open(root, port);
  const history = new History();
  try {
    const seconds = await unleash(consortium, history, options);
    onLine({ event: 'reckoning', calls: history.calls.length });
    const reckoning = await reckon(consortium, history);
    const count = (has: (call: History['calls'][number]) => unknown): number =>
      history.calls.filter(has).length;
    const acknowledged = count(({ returned }) => returned);
    return {
      seed,
      seconds: Math.round(seconds),
      acknowledged,
      expired: count(({ expired }) => expired),
      unknown: count(({ returned, expired }) => !returned && !expired),
      perSecond: Math.round((acknowledged / seconds) * 10) / 10,
      ...latencies(history),
      ...reckoning,
      faults: history.actions.filter(({ kind }) => kind !== 'calm').length,
      gaps: gapsByKind(history),
      reads: history.reads.length,
      counts: history.counts,
      violations: history.violations,
    };
  } finally {
    await consortium.close();
    if (options.keep) onLine({ event: 'kept', folder: root });
    else rmSync(root, { recursive: true, force: true });
  }
}

/** Clients, readers and the nemesis for a time, then quiet. Answers how long it took, seconds. */
async function unleash(
  consortium: Consortium,
  history: History,
  options: ChaosOptions,
): Promise<number> {
  const random = new Random(options.seed);
  const from = clock();
  let phase: 'chaos' | 'healing' | 'quiet' = 'chaos';
  const ending = sleep(options.seconds * 1000).then(() => {
    if (phase === 'chaos') phase = 'healing';
  });
  const parts = { consortium, history };
  const nemesis = runNemesis({
    ...parts,
    random: random.fork(),
    stopped: () => phase !== 'chaos',
    onAction: (action) =>
      options.onLine?.({ event: 'fault', ...action, gapMs: gapOf(action, history.commitTimes()) }),
  }).catch((error: Error) => {
    phase = 'healing';
    throw error;
  });
  // Clients work on until the last fault is over, so that what it cost can be measured.
  let isOver = false;
  const clients = Array.from({ length: options.clients }, (_, number) =>
    runClient(number, {
      ...parts,
      random: random.fork(),
      thinkMs: options.thinkMs,
      shortLived: options.shortLived ?? 0,
      stopped: () => isOver,
    }),
  );
  let lastCursor: string | undefined | null = null;
  const readers = () => ({ ...parts, random: random.fork(), stopped: () => phase === 'quiet' });
  const isComplete = (cursor: string | undefined): boolean => lastCursor === cursor;
  const subscribers = [
    runSubscriber('streams', undefined, readers(), isComplete),
    runSubscriber('streams of one type', ['register.written'], readers(), isComplete),
    runPoller('pages', readers(), isComplete),
    runReplays('streams', readers()),
    runPager(readers()),
  ];
  try {
    await nemesis;
    await ending;
  } finally {
    isOver = true;
    consortium.mend();
    await Promise.all(clients);
  }
  const seconds = (clock() - from) / 1000;
  await untilQuiet(consortium, history);
  lastCursor = await lastCursorOf(consortium);
  phase = 'quiet';
  const late = sleep(QUIET_MS).then(() => 'late');
  if ((await Promise.race([Promise.all(subscribers), late])) === 'late') {
    history.violation(`subscribers have not seen ${lastCursor} after ${QUIET_MS} ms`);
  }
  return seconds;
}

/** All nodes at one head with nothing pending, twice in a row. */
async function untilQuiet(consortium: Consortium, history: History): Promise<void> {
  const from = clock();
  for (let quiet = 0; quiet < 2; ) {
    const standings = await consortium.standings();
    const isLevel = new Set(standings.map(({ headId }) => headId)).size === 1;
    const isIdle = standings.every(({ pending, state }) => pending === 0 && state === 'idle');
    quiet = standings.length === MEMBERS.length && isLevel && isIdle ? quiet + 1 : 0;
    if (clock() - from > QUIET_MS) {
      history.violation(`not quiet after ${QUIET_MS} ms: ${JSON.stringify(standings)}`);
      return;
    }
    await sleep(300);
  }
}

async function lastCursorOf(consortium: Consortium): Promise<string | undefined> {
  const reader = new NodeReader(consortium, MEMBERS[0]);
  const events = await reader.events();
  await reader.close();
  return events.at(-1)?.cursor;
}
