/**
 * `npm run bench:cost`: deploys the example consortium of four hosted members to the AWS emulator, commits
 * blocks of several sizes, and prices what every function counted. Prints JSON lines.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { cloudUp } from '../infra/emulator/consortium.ts';
import { Load } from './cost/load.ts';
import { UsageLog } from './cost/usage-log.ts';

const { sizes, keep } = new Command()
  .option('--sizes <list>', 'transactions in a block, a line each', '1,10,100,1000')
  .option('--keep', 'keep the folder with the functions’ log')
  .parse()
  .opts<{ sizes: string; keep?: boolean }>();

const folder = mkdtempSync(path.join(tmpdir(), 'fuqi-cost-'));
const cloud = await cloudUp({
  file: path.resolve(import.meta.dirname, '../examples/consortia/shenzhen-invoice.yaml'),
  folder,
  root: path.join(folder, 'home'),
  environment: { FUQI_TRACE_CALLS: '1' },
});
try {
  const load = await Load.open(cloud);
  const log = new UsageLog(path.join(folder, 'emulator.log'));
  await log.untilQuiet();
  for (const size of sizes.split(',').map(Number)) {
    const { height } = await load.blocksAbove(0);
    const leader = await load.leader();
    await log.untilQuiet();
    const ms = size === 1 ? await load.pay() : await load.batch(leader, size);
    const invocations = await log.untilQuiet();
    const { blocks } = await load.blocksAbove(height);
    const counts: Record<string, number> = {};
    for (const { usage } of invocations)
      for (const [name, units] of Object.entries(usage.counts))
        counts[name] = (counts[name] ?? 0) + units;
    process.stdout.write(
      `${JSON.stringify({ size, ms, blocks, leader, counts, inv: invocations.map((i) => [i.name, i.member, i.usage.for, i.usage.ms, i.usage.cpuMs]) })}\n`,
    );
  }
} finally {
  await cloud.stop();
  if (keep) process.stderr.write(`${folder}\n`);
  else rmSync(folder, { recursive: true, force: true });
}
