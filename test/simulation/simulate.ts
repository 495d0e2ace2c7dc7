/** `npm run simulate -- --seed S` replays one seed; `--seeds N --from S --replicas n` sweeps. */
import { Command } from 'commander';
import { simulate } from './run.ts';

const options = new Command()
  .option('--seed <number>', 'one seed')
  .option('--seeds <number>', 'how many', '100')
  .option('--from <number>', 'the first', '1')
  .option('--replicas <number>', 'validators', '4')
  .parse()
  .opts<{ seed?: string; seeds: string; from: string; replicas: string }>();

const from = Number(options.seed ?? options.from);
const count = options.seed === undefined ? Number(options.seeds) : 1;
const sums = { seeds: 0, blocks: 0, crashes: 0, acknowledged: 0, violations: 0 };
let firstFailing: number | undefined;
for (let seed = from; seed < from + count; seed++) {
  try {
    const run = await simulate(seed, Number(options.replicas));
    sums.blocks += run.height;
    sums.crashes += run.crashes;
    sums.acknowledged += run.acknowledged;
  } catch (error) {
    sums.violations++;
    firstFailing ??= seed;
    process.stderr.write(`seed ${seed}: ${(error as Error).message}\n`);
    if (count === 1) throw error;
  }
  sums.seeds++;
}
process.stdout.write(`${JSON.stringify({ ...sums, firstFailing: firstFailing ?? null })}\n`);
process.exitCode = sums.violations > 0 ? 1 : 0;
