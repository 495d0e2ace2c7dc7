/**
 * `npm run bench:soak`: clients pay at a steady pace for a long time. A JSON line a minute: latency,
 * memory, open handles, disk and log of the nodes. Half-way each log is cut as `logrotate` does with
 * `copytruncate`. Nothing but the disk may grow.
 */
import { copyFileSync, statSync, truncateSync } from 'node:fs';
import { Command } from 'commander';
import { print, round, startConsortium } from './local/consortium.ts';
import { load } from './local/load.ts';
import { machineTimes, stolenPercent } from './local/machine-figures.ts';
import { cpuSeconds, diskMegabytes, handles, megabytes } from './local/process-figures.ts';

const { nodes, clients, minutes, perSecond, port } = new Command()
  .option('--nodes <number>', 'validators', '4')
  .option('--clients <number>', 'clients; more than ever wait at once', '1024')
  .option('--minutes <number>', 'how long', '60')
  .option('--per-second <number>', 'payments a second: half of what the machine can', '800')
  .option('--port <number>', 'the first port', '9180')
  .parse()
  .opts<{
    nodes: string;
    clients: string;
    minutes: string;
    perSecond: string;
    port: string;
  }>();

const consortium = await startConsortium(Number(nodes), Number(port));
const { targets } = consortium;
const most = (of: (target: (typeof targets)[number]) => number): number =>
  Math.max(...targets.map(of));
try {
  for (let minute = 1; minute <= Number(minutes); minute++) {
    const cpu = cpuSeconds(consortium);
    const machine = machineTimes();
    const pace = Number(perSecond);
    const { seconds, latency, late } = await load(consortium, Number(clients), pace * 60, {
      perSecond: pace,
    });
    print({
      name: 'soak',
      minute,
      tps: Math.round((pace * 60) / seconds),
      p50_ms: round(latency.percentile(50) / 1000),
      p99_ms: round(latency.percentile(99) / 1000),
      max_ms: round(latency.max / 1000),
      ...(late > 0 && { late }),
      cpu_cores: round((cpuSeconds(consortium) - cpu) / seconds),
      // Of the machine's time, what its host gave to others: latency of such a minute tells of them.
      stolen_percent: stolenPercent(machine, machineTimes()),
      own_mb_node: Math.round(most((target) => megabytes(target, 'own'))),
      rss_mb_node: Math.round(most((target) => megabytes(target, 'all'))),
      handles_node: most(handles),
      disk_mb_node: Math.round(most(diskMegabytes)),
      log_bytes_node: most(({ process }) => statSync(process.log).size),
    });
    if (minute === Math.floor(Number(minutes) / 2)) {
      for (const { process } of targets) {
        copyFileSync(process.log, `${process.log}.1`);
        truncateSync(process.log);
      }
    }
  }
} finally {
  await consortium.stop();
}
