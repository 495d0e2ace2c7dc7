/**
 * `npm run bench:growth`: the same load on a ledger of more and more transactions. A JSON line at each
 * size: throughput and latency of a sample, and what a node holds in memory and on the disk by then.
 * Only the disk may grow with the ledger.
 */
import { Command } from 'commander';
import { print, round, startConsortium } from './local/consortium.ts';
import { load, transactionsOf } from './local/load.ts';
import { measure } from './local/measure.ts';
import { diskMegabytes, handles, megabytes, sum } from './local/process-figures.ts';

const { nodes, sizes, clients, fillers, txs, port } = new Command()
  .option('--nodes <number>', 'validators', '4')
  .option('--sizes <list>', 'transactions on the ledger, ascending', '10000,100000,1000000')
  .option('--clients <list>', 'clients of the sample, one line each', '1,128,1024')
  .option('--fillers <number>', 'clients that fill the ledger in between', '1024')
  .option('--txs <number>', 'transactions of a sample (of one client, a tenth)', '10000')
  .option('--port <number>', 'the first port', '9180')
  .parse()
  .opts<{
    nodes: string;
    sizes: string;
    clients: string;
    fillers: string;
    txs: string;
    port: string;
  }>();

const consortium = await startConsortium(Number(nodes), Number(port));
const { targets } = consortium;
const mean = (of: (target: (typeof targets)[number]) => number): number =>
  sum(targets, of) / targets.length;
try {
  let written = 0;
  for (const size of sizes.split(',').map(Number)) {
    const missing = size - written;
    const from = performance.now();
    await load(consortium, Number(fillers), missing);
    const fillTps = Math.round((missing * 1000) / (performance.now() - from));
    written += missing;
    const held = {
      own_mb_node: Math.round(mean((target) => megabytes(target, 'own'))),
      rss_mb_node: Math.round(mean((target) => megabytes(target, 'all'))),
      disk_mb_node: Math.round(mean(diskMegabytes)),
      disk_bytes_tx: Math.round((mean(diskMegabytes) * 2 ** 20) / written),
      handles_node: round(mean(handles)),
    };
    for (const count of clients.split(',').map(Number)) {
      const total = transactionsOf(count, txs);
      print({
        name: 'growth',
        size,
        ...(await measure(consortium, count, total)),
        fill_tps: fillTps,
        ...held,
      });
      written += total;
    }
  }
} finally {
  await consortium.stop();
}
