/**
 * `npm run bench:cost`: deploys the example consortium of four hosted members to the AWS emulator, commits
 * blocks of several sizes, and prices what every function counted. Prints JSON lines: for each size the
 * blocks as they were, its bill by service, each line of the bill, CPU time and the critical path.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Command } from 'commander';
import { parse, stringify } from 'yaml';
import { cloudUp } from '../infra/emulator/consortium.ts';
import { billOf, byService, totalOf } from './cost/bill.ts';
import { criticalPath, projectedMs } from './cost/critical-path.ts';
import { gatewayLines } from './cost/gateway-log.ts';
import { idleBill } from './cost/idle.ts';
import { Load } from './cost/load.ts';
import { PRICES_READ, REGION } from './cost/prices.ts';
import { type Invocation, UsageLog, usageOf } from './cost/usage-log.ts';

const { sizes, repeat, baseTimeout, keep } = new Command()
  .option('--sizes <list>', 'transactions in a block, a line each', '1,10,100,1000')
  .option('--repeat <number>', 'measured times of each, after one that is not', '3')
  .option(
    '--base-timeout <ms>',
    'of the ledger: longer than the machine takes for the largest block',
    '4000',
  )
  .option('--keep', 'keep the folder with the functions’ log')
  .parse()
  .opts<{ sizes: string; repeat: string; baseTimeout: string; keep?: boolean }>();

/** A leader sizes its blocks so that they are built in an eighth of it: a thousand, at half a millisecond each. */
const BASE_TIMEOUT_MS = Number(baseTimeout);

const EXAMPLE = path.resolve(import.meta.dirname, '../examples/consortia/shenzhen-invoice.yaml');
const folder = mkdtempSync(path.join(tmpdir(), 'fuqi-cost-'));
const file = path.join(folder, 'consortium.yaml');
const example = parse(readFileSync(EXAMPLE, 'utf8')) as object;
writeFileSync(file, stringify({ ...example, parameters: { baseTimeoutMs: BASE_TIMEOUT_MS } }));
const cloud = await cloudUp({
  file,
  folder,
  root: path.join(folder, 'home'),
  environment: { FUQI_TRACE_CALLS: '1' },
});
try {
  const load = await Load.open(cloud);
  const log = new UsageLog(path.join(folder, 'emulator.log'), BASE_TIMEOUT_MS + 1500);
  await log.untilQuiet();
  for (const size of sizes.split(',').map(Number)) await measure(load, log, size);
  const idle = await idleBill(cloud.endpoint, path.join(folder, 'cdk.out'));
  for (const line of idle) print({ name: 'idle', ...line });
  const usdMonth = idle.reduce((sum, line) => sum + line.usdMonth, 0);
  print({ name: 'idle-total', region: REGION, prices: PRICES_READ, usdMonth });
} finally {
  await cloud.stop();
  if (keep) process.stderr.write(`${folder}\n`);
  else rmSync(folder, { recursive: true, force: true });
}

async function measure(load: Load, log: UsageLog, size: number): Promise<void> {
  const all: Invocation[] = [];
  const onAws: Invocation[] = [];
  const blocks: number[] = [];
  const latencies: number[] = [];
  const leader = await load.leader();
  for (let time = 0; time <= Number(repeat); time++) {
    const { height } = await load.blocksAbove(0);
    await log.skip();
    const from = Date.now();
    const ms = size === 1 ? await load.pay() : await load.batch(leader, size);
    const invocations = await log.untilQuiet();
    invocations.push(...(await gatewayLines(cloud.endpoint, from)).flatMap(usageOf));
    // The first time fills memory and starts environments.
    if (time === 0) continue;
    all.push(...invocations);
    onAws.push(...invocations.map((one) => withMs(one, projectedMs(one, invocations))));
    latencies.push(Math.round(ms));
    blocks.push(...(await load.blocksAbove(height)).blocks);
    if (time === 1)
      for (const step of criticalPath(invocations)) print({ name: 'path', size, ...step });
  }
  const transactions = size * Number(repeat);
  const lines = billOf(onAws);
  for (const { service, purpose, units, usd } of lines) {
    const usdPerMillion = (usd / transactions) * 1e6;
    print({ name: 'line', size, service, purpose, units: units / transactions, usdPerMillion });
  }
  for (const [service, { units, usd }] of Object.entries(byService(lines))) {
    const usdPerMillion = (usd / transactions) * 1e6;
    print({ name: 'service', size, service, units: units / transactions, usdPerMillion });
  }
  for (const cpu of cpuOf(all, onAws)) print({ name: 'cpu', size, ...cpu });
  const cold = all.filter(({ usage }) => usage.cold).length;
  const usd = totalOf(billOf(all)) / transactions;
  const invocations = all.length / Number(repeat);
  const usdOnAws = totalOf(billOf(onAws)) / transactions;
  print({
    name: 'bill',
    size,
    blocks,
    latencies,
    leader,
    invocations,
    cold,
    usd,
    usdPerMillion: usd * 1e6,
    usdPerMillionOnAws: usdOnAws * 1e6,
  });
}

function withMs({ usage, ...rest }: Invocation, ms: number): Invocation {
  return { ...rest, usage: { ...usage, ms } };
}

/** CPU and wall time of each kind of invocation, ms: as measured, and as it would be on AWS. */
function cpuOf(measured: readonly Invocation[], onAws: readonly Invocation[]) {
  const kinds = new Map<string, { cpuMs: number; ms: number; msOnAws: number }[]>();
  for (const [index, { name, usage }] of measured.entries()) {
    const kind = `${name} ${usage.for}`.trim();
    const { cpuMs, ms } = usage;
    const times = { cpuMs, ms, msOnAws: onAws[index]!.usage.ms };
    kinds.set(kind, [...(kinds.get(kind) ?? []), times]);
  }
  return [...kinds].map(([kind, times]) => {
    const mean = (of: 'cpuMs' | 'ms' | 'msOnAws'): number =>
      Math.round(times.reduce((sum, time) => sum + time[of], 0) / times.length);
    const means = { cpuMs: mean('cpuMs'), ms: mean('ms'), msOnAws: mean('msOnAws') };
    return { kind, count: times.length, ...means };
  });
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
