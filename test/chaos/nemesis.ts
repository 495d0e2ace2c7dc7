/**
 * The nemesis: does one thing after the other to the consortium, as its seed says, and waits after each
 * until all nodes are level. Never is more than f = 1 node down or cut off, but where all are killed.
 */
import { cpSync, renameSync, rmSync } from 'node:fs';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import type { Random } from '../support/random.ts';
import { type Consortium, MEMBERS, PAIRS } from './consortium.ts';
import { DAMAGES, LOSSES } from './damage.ts';
import { type Action, clock, type History, sleep } from './history.ts';
import type { Trouble } from './proxy.ts';

/** After a fault is over, nodes that are behind get nearer within this time, or the run has failed. */
const LEVEL_MS = 40_000;
const CALM_MS = [1000, 3000] as const;

export interface NemesisOptions {
  readonly consortium: Consortium;
  readonly history: History;
  readonly random: Random;
  readonly stopped: () => boolean;
  readonly onAction?: (action: Action) => void;
}

/** One kind of fault: makes it, waits, and makes it good again. Answers what was hit. */
type Fault = (options: NemesisOptions) => Promise<readonly string[]>;

/** What a fault is done to. */
type Choose = (options: NemesisOptions) => Promise<string>;
const leader: Choose = ({ consortium }) => consortium.leader();
const follower: Choose = async ({ consortium, random }) => {
  const led = await consortium.leader();
  return random.pick(MEMBERS.filter((member) => member !== led));
};

const kill =
  (choose: Choose): Fault =>
  async (options) => {
    const { consortium, random } = options;
    const victim = await choose(options);
    await consortium.signal(victim, 'SIGKILL');
    await sleep(random.between(500, 6000));
    await startAgain(victim, options);
    return [victim];
  };

const pause =
  (choose: Choose): Fault =>
  async (options) => {
    const { consortium, random } = options;
    const victim = await choose(options);
    await consortium.signal(victim, 'SIGSTOP');
    await sleep(random.between(500, 9000));
    await consortium.signal(victim, 'SIGCONT');
    return [victim];
  };

/** Troubles the links from and to one node. */
function isolate(consortium: Consortium, victim: string, outward: Trouble, inward: Trouble): void {
  for (const [from, to] of PAIRS) {
    if (from === victim) consortium.link(from, to, outward);
    if (to === victim) consortium.link(from, to, inward);
  }
}

const cut =
  (choose: Choose, outward: Trouble, inward: Trouble): Fault =>
  async (options) => {
    const { consortium, random } = options;
    const victim = await choose(options);
    isolate(consortium, victim, outward, inward);
    await sleep(random.between(1000, 9000));
    consortium.mend();
    return [victim];
  };

const HELD: Trouble = { holdRequests: true, holdReplies: true };
/** `victim` sends nothing that arrives, and hears all: its requests are lost, and its replies. */
const mute = (choose: Choose): Fault => cut(choose, { holdRequests: true }, { holdReplies: true });
/** `victim` hears nothing, and all that it sends arrives. */
const deaf = (choose: Choose): Fault => cut(choose, { holdReplies: true }, { holdRequests: true });

const cutPair: Fault = async ({ consortium, random }) => {
  const [from, to] = random.pick(PAIRS);
  consortium.link(from, to, HELD);
  if (random.chance(0.5)) consortium.link(to, from, HELD);
  await sleep(random.between(1000, 9000));
  consortium.mend();
  return [from, to];
};

const delayAll: Fault = async ({ consortium, random }) => {
  for (const [from, to] of PAIRS) consortium.link(from, to, { delayMs: random.between(0, 150) });
  await sleep(random.between(1000, 6000));
  consortium.mend();
  return [...MEMBERS];
};

const killAll: Fault = async (options) => {
  const { consortium, random } = options;
  await Promise.all(MEMBERS.map((member) => consortium.signal(member, 'SIGKILL')));
  await sleep(random.between(0, 1000));
  await Promise.all(MEMBERS.map((member) => startAgain(member, options)));
  return [...MEMBERS];
};

/**
 * Damages the files of a stopped node. One whose store is lost has to come back by itself; else it has to
 * say what is wrong and not start, or to serve nothing that is wrong, and gets back its store of before.
 */
const damageFiles: Fault = async (options) => {
  const { consortium, history, random } = options;
  const victim = random.pick(MEMBERS);
  await consortium.signal(victim, random.pick(['SIGKILL', 'SIGTERM'] as const));
  const { data } = consortium.layout.member(victim);
  const intact = `${data}.intact`;
  cpSync(data, intact, { recursive: true });
  const kind = random.pick(Object.keys(DAMAGES));
  DAMAGES[kind]!(data, random);
  history.count(`store: ${kind}`);
  if (LOSSES.includes(kind)) {
    history.losses.set(victim, (history.losses.get(victim) ?? 0) + 1);
    rmSync(intact, { recursive: true });
    await startAgain(victim, options);
    await untilVoting(options);
  } else {
    const served = await tryDamaged(victim, kind, options);
    rmSync(data, { recursive: true, force: true });
    renameSync(intact, data);
    await startAgain(victim, options);
    history.damaged = undefined;
    if (served) await untilVoting(options);
  }
  return [victim];
};

/** Starts a node on a damaged store for a while; answers whether it served. What it signs then nobody hears: it will forget it. */
async function tryDamaged(victim: string, kind: string, options: NemesisOptions): Promise<boolean> {
  const { consortium, history, random } = options;
  isolate(consortium, victim, { refuse: true }, { refuse: true });
  history.damaged = victim;
  const start = await consortium.start(victim);
  if (start.serving) {
    history.count('damaged store served');
    await sleep(random.between(2000, 4000));
    await consortium.signal(victim, 'SIGKILL');
  } else {
    history.count('damaged store refused');
    const isClear = start.code === 1 && /damaged|can't be opened/.test(start.said);
    if (!isClear) history.violation(`${victim} with ${kind} ended so: ${JSON.stringify(start)}`);
  }
  consortium.mend();
  return start.serving;
}

/** A node that lost its store, or has an older one, counts as down until rounds of two tenures have passed (docs/operations.md). */
async function untilVoting({ consortium }: NemesisOptions): Promise<void> {
  const round = async (): Promise<number> =>
    Math.max(0, ...(await consortium.standings()).map((standing) => standing.round));
  const due = (await round()) + 2 * DEFAULT_PARAMETERS.tenureRounds;
  for (const from = clock(); clock() - from < LEVEL_MS && (await round()) < due; ) await sleep(200);
}

const calm: Fault = async ({ random }) => {
  await sleep(random.between(2000, 4000));
  return [];
};

/** All faults, with how often each is chosen. */
const FAULTS: readonly (readonly [kind: string, weight: number, fault: Fault])[] = [
  ['calm', 1, calm],
  ['kill-leader', 4, kill(leader)],
  ['kill-follower', 2, kill(follower)],
  ['pause-leader', 2, pause(leader)],
  ['pause-follower', 1, pause(follower)],
  ['isolate-leader', 2, cut(leader, HELD, HELD)],
  ['isolate-follower', 1, cut(follower, HELD, HELD)],
  ['refuse-leader', 1, cut(leader, { refuse: true }, { refuse: true })],
  ['mute-leader', 1, mute(leader)],
  ['mute-follower', 1, mute(follower)],
  ['deaf-leader', 1, deaf(leader)],
  ['deaf-follower', 1, deaf(follower)],
  ['cut-pair', 2, cutPair],
  ['delay', 1, delayAll],
  ['damage', 3, damageFiles],
  ['kill-all', 1, killAll],
];

/** Does faults until the run is stopped. */
export async function runNemesis(options: NemesisOptions): Promise<void> {
  const { history, random, stopped, onAction } = options;
  await sleep(random.between(...CALM_MS));
  // Dealt like cards: first every kind once, then each as often as its weight says.
  let deck = shuffled(FAULTS, random);
  while (!stopped()) {
    if (deck.length === 0) {
      deck = shuffled(
        FAULTS.flatMap((one) => Array<typeof one>(one[1]).fill(one)),
        random,
      );
    }
    const [kind, , fault] = deck.pop()!;
    const startedAt = clock();
    const victims = await fault(options);
    const healedAt = clock();
    await untilLevel(kind, options);
    const action: Action = { kind, victims, startedAt, healedAt, levelAt: clock() };
    history.actions.push(action);
    await sleep(random.between(...CALM_MS));
    onAction?.(action);
  }
}

function shuffled<T>(items: readonly T[], random: Random): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.between(0, left.length - 1), 1)[0]!);
}

async function startAgain(member: string, { consortium, history }: NemesisOptions): Promise<void> {
  const start = await consortium.start(member);
  if (!start.serving) throw new Error(`${member} did not start again: ${JSON.stringify(start)}`);
  history.count('restarts');
}

/** Waits until every node has what the furthest one had when this began. One that gets nearer has time. */
async function untilLevel(kind: string, { consortium }: NemesisOptions): Promise<void> {
  let progressAt = clock();
  let due = 0;
  let lowest = -1;
  for (;;) {
    const standings = await consortium.standings();
    due ||= Math.max(0, ...standings.map(({ height }) => height));
    const isWhole = standings.length === MEMBERS.length;
    const low = isWhole ? Math.min(...standings.map(({ height }) => height)) : -1;
    if (isWhole && low >= due) return;
    if (low > lowest) {
      lowest = low;
      progressAt = clock();
    }
    if (clock() - progressAt > LEVEL_MS) {
      const where = standings.map(({ member, height }) => `${member} ${height}`).join(', ');
      throw new Error(`${LEVEL_MS} ms after ${kind} not all nodes have height ${due}: ${where}`);
    }
    await sleep(100);
  }
}
