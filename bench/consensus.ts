/**
 * `npm run bench`: real node processes on LMDB with synced writes, and closed-loop clients spread over
 * the nodes' own APIs that each sign their transactions and wait for the commit; with `--custodial` they
 * have their node sign. Prints one JSON line for each number of clients. Everything runs on one machine,
 * the clients included.
 */
import { Command } from 'commander';
import { print, startConsortium } from './local/consortium.ts';
import { load } from './local/load.ts';
import { measure } from './local/measure.ts';

const { nodes, clients, txs, warm, port, keep, custodial, gateway } = new Command()
  .option('--nodes <number>', 'validators', '4')
  .option('--clients <list>', 'numbers of clients, one line each', '1,16,128,1024')
  .option('--txs <number>', 'transactions for each line', '4000')
  .option('--warm <number>', 'transactions before, which count for nothing', '6000')
  .option('--port <number>', 'the first port', '9180')
  .option('--custodial', 'the nodes sign for their clients, which call with API keys')
  .option('--gateway', 'the clients call the gateway')
  .option('--keep', 'keep the folder with the nodes’ logs')
  .option('--json', 'JSON lines (there is no other output)')
  .parse()
  .opts<{
    nodes: string;
    clients: string;
    txs: string;
    warm: string;
    port: string;
    keep?: boolean;
    custodial?: boolean;
    gateway?: boolean;
  }>();

const started = performance.now();
const consortium = await startConsortium(Number(nodes), Number(port));
try {
  await load(consortium, 1, 1);
  const ms = Math.round(performance.now() - started);
  print({ name: 'start-to-first-commit', nodes: consortium.targets.length, ms });
  // The engine compiles what is hot, and goes on for thousands; a load before the first line takes that out of it.
  const options = { custodial, throughGateway: gateway };
  await load(consortium, 256, Number(warm), options);
  const name = ['consensus', ...(custodial ? ['custodial'] : []), ...(gateway ? ['gateway'] : [])];
  for (const count of clients.split(',').map(Number)) {
    const figures = await measure(consortium, count, Number(txs), options);
    print({ name: name.join('-'), ...figures });
  }
} finally {
  await consortium.stop(keep);
}
