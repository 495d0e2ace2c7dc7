/**
 * `npm run bench:paired -- --before <another checkout>`: what a change does, on a machine that others use too. Both
 * versions run at the same time, each with nodes of its own, and are loaded in turn, seconds apart, so that what the machine does
 * meanwhile is done to both; and all are started anew several times, since a process keeps for its life what its engine
 * made of the code. Prints a JSON line for each start, and one for each number of clients with the change in per cent.
 */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Command } from 'commander';
import { type BenchConsortium, print, round } from './local/consortium.ts';
import { load } from './local/load.ts';
import { mean, meansOf } from './local/means.ts';
import { measure } from './local/measure.ts';

const { before, clients, txs, warm, starts, turns } = new Command()
  .requiredOption(
    '--before <folder>',
    'a checkout of the version to compare with, its packages installed',
  )
  .option('--clients <list>', 'numbers of clients', '128,1024')
  .option('--txs <number>', 'transactions for each turn', '3000')
  .option('--warm <number>', 'transactions before, which count for nothing', '12000')
  .option('--starts <number>', 'how often all nodes are started anew', '4')
  .option(
    '--turns <number>',
    'turns of each version after a start, for each number of clients',
    '4',
  )
  .parse()
  .opts<Record<'before' | 'clients' | 'txs' | 'warm' | 'starts' | 'turns', string>>();

type Opener = Pick<typeof import('./local/consortium.ts'), 'startConsortium'>;

/** What is compared: tx/s, milliseconds, and microseconds of all nodes' CPU a transaction. */
const FIGURES = ['tps', 'p50_ms', 'node_cpu_us'] as const;
type Figures = Record<(typeof FIGURES)[number], number>;

const VALIDATORS = 4;
const versions = [path.resolve(before), path.resolve(import.meta.dirname, '..')];
const counts = clients.split(',').map(Number);
/** By number of clients, for each start: before and after. */
const found = new Map<number, (readonly [Figures, Figures])[]>(counts.map((count) => [count, []]));

for (let start = 1; start <= Number(starts); start++) {
  const consortia: BenchConsortium[] = [];
  try {
    for (const [index, folder] of versions.entries()) {
      const file = path.join(folder, 'bench/local/consortium.ts');
      const { startConsortium }: Opener = await import(pathToFileURL(file).href);
      consortia.push(await startConsortium(VALIDATORS, 9180 + 100 * index));
    }
    for (const consortium of consortia) await load(consortium, 256, Number(warm));
    for (const count of counts) {
      const pair = await inTurn(consortia as [BenchConsortium, BenchConsortium], count);
      found.get(count)!.push(pair);
      print({ name: 'paired-start', start, clients: count, before: pair[0], after: pair[1] });
    }
  } finally {
    for (const consortium of consortia) await consortium.stop();
  }
}
for (const [count, pairs] of found) {
  const change = FIGURES.map((figure) => {
    const percents = pairs.map(([old, now]) => 100 * (now[figure] / old[figure] - 1));
    return [figure, { percent: round(mean(percents)), error: round(standardError(percents)) }];
  });
  print({
    name: 'paired',
    clients: count,
    starts: pairs.length,
    change: Object.fromEntries(change),
  });
}

/** Loads both by turns, each first in every other turn; the means of each. */
async function inTurn(
  [old, now]: readonly [BenchConsortium, BenchConsortium],
  count: number,
): Promise<readonly [Figures, Figures]> {
  const [ofOld, ofNow]: [Figures[], Figures[]] = [[], []];
  for (let turn = 0; turn < Number(turns); turn++) {
    const order = [[old, ofOld] as const, [now, ofNow] as const];
    for (const [consortium, figures] of turn % 2 === 0 ? order : order.reverse()) {
      const { tps, p50_ms, cpu_s } = await measure(consortium, count, Number(txs));
      figures.push({ tps, p50_ms, node_cpu_us: (cpu_s * 1e6) / Number(txs) });
    }
  }
  return [meansOf(ofOld), meansOf(ofNow)];
}

/** How far a mean of so many may be from the true one. */
function standardError(numbers: readonly number[]): number {
  const middle = mean(numbers);
  const squares = numbers.map((number) => (number - middle) ** 2);
  return Math.sqrt(mean(squares) / Math.max(1, numbers.length - 1));
}
