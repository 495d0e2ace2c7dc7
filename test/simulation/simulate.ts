/**
 * `npm run simulate -- --seed S` replays one seed with a readable trace; `--seeds N --from S
 * --replicas 1..10 --json` sweeps and prints one summary line. `--mempool N` lets nodes hold few transactions.
 */
import { Command } from 'commander';
import { loadWith } from './patches.ts';

const options = new Command()
  .option('--seed <number>', 'one seed, with its trace')
  .option('--seeds <number>', 'how many', '100')
  .option('--from <number>', 'the first', '1')
  .option('--replicas <range>', 'validators: a number, or a range such as 1..10', '4')
  .option('--mempool <number>', 'pending transactions that a node holds, where that is few')
  .option('--minutes <number>', 'go on for this long instead')
  .option('--json', 'nothing but the summary line')
  .parse()
  .opts<{
    seed?: string;
    seeds: string;
    from: string;
    replicas: string;
    minutes?: string;
    mempool?: string;
    json?: true;
  }>();

loadWith([]);
const { simulate } = await import('./run.ts');
const few = options.mempool === undefined ? {} : { mempool: Number(options.mempool) };

const [low, high = low] = options.replicas.split('..').map(Number) as [number, number?];
if (options.seed !== undefined) {
  const run = await simulate(Number(options.seed), low, {
    ...few,
    trace: (line) => process.stdout.write(`${line}\n`),
  });
  process.stdout.write(`${JSON.stringify(run)}\n`);
} else {
  const sums = { seeds: 0, rounds: 0, commits: 0, acknowledged: 0, messages: 0, violations: 0 };
  const faults: Record<string, number> = {};
  let firstFailing: string | null = null;
  const started = Date.now();
  const first = Number(options.from);
  const until = started + Number(options.minutes ?? 0) * 60_000;
  let underWay = '';
  // What nobody awaited ends the process: it names its seed too.
  process.on('uncaughtException', (error) => {
    process.stderr.write(`${underWay}: ${error.stack}\n`);
    process.exit(1);
  });
  const goesOn = (count: number): boolean =>
    options.minutes === undefined ? count < Number(options.seeds) : Date.now() < until;
  for (let count = 0; goesOn(count); count++) {
    const seed = first + count;
    const replicas = low + (count % (high - low + 1));
    underWay = `--seed ${seed} --replicas ${replicas}`;
    try {
      const run = await simulate(seed, replicas, few);
      for (const key of ['rounds', 'commits', 'acknowledged', 'messages'] as const) {
        sums[key] += run[key];
      }
      for (const [kind, number] of Object.entries(run.faults)) {
        faults[kind] = (faults[kind] ?? 0) + number;
      }
    } catch (error) {
      sums.violations++;
      firstFailing ??= underWay;
      if (!options.json) {
        process.stderr.write(`${underWay}: ${(error as Error).message}\n`);
      }
    }
    sums.seeds++;
  }
  const seconds = Math.round((Date.now() - started) / 1000);
  process.stdout.write(`${JSON.stringify({ ...sums, faults, firstFailing, seconds })}\n`);
  process.exitCode = sums.violations > 0 ? 1 : 0;
}
