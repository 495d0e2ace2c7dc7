/**
 * `npm run bench:cometbft -- --binary <cometbft>`: the clients of `npm run bench` against four nodes of the product, and the same
 * number of clients against four validators of CometBFT with its example application, on this machine, by turns; who does not
 * have its turn is stopped meanwhile (SIGSTOP), since waiting costs CometBFT processor time too. A line for each number of clients
 * has the means of both. CometBFT's transactions are as long as the product's, but nobody signs or checks them.
 */
import { Command } from 'commander';
import { type CometBft, loadCometBft, startCometBft } from './local/cometbft.ts';
import { type BenchConsortium, print, startConsortium } from './local/consortium.ts';
import { type LoopFigures, load, transactionsOf } from './local/load.ts';
import { meansOf } from './local/means.ts';
import { cpuSecondsOf, sum } from './local/process-figures.ts';

const { binary, nodes, clients, txs, turns, warm, bytes, custodial } = new Command()
  .requiredOption('--binary <file>', 'the program, e.g. of "go install …/cmd/cometbft@v0.38.26"')
  .option('--nodes <number>', 'validators of each', '4')
  .option('--clients <list>', 'numbers of clients, one line each', '1,16,128,1024')
  .option('--txs <number>', 'transactions for each turn; of one client, a tenth', '3000')
  .option('--turns <number>', 'turns of each', '4')
  .option('--warm <number>', 'transactions before, which count for nothing', '12000')
  .option('--bytes <number>', 'of a transaction of CometBFT', '700')
  .option(
    '--custodial',
    'the product signs for its clients, as a gateway does: nobody signs on either side',
  )
  .parse()
  .opts<
    Record<'binary' | 'nodes' | 'clients' | 'txs' | 'turns' | 'warm' | 'bytes', string> & {
      custodial?: true;
    }
  >();

/** Transactions that count for nothing, after who was stopped goes on. */
const AGAIN = 300;

type Figures = Record<'tps' | 'p50_ms' | 'p99_ms' | 'node_us_tx', number>;

let fuqi: BenchConsortium | undefined;
let cometbft: CometBft | undefined;
try {
  fuqi = await startConsortium(Number(nodes), 9180);
  cometbft = await startCometBft(binary, Number(nodes), 9380);
  const [ours, theirs] = [fuqi, cometbft];
  const ourPids = pidsOf(ours);
  await load(ours, 256, Number(warm), { custodial });
  await loadCometBft(theirs, 256, Number(warm), Number(bytes));
  for (const count of clients.split(',').map(Number)) {
    const total = transactionsOf(count, txs);
    const found: { fuqi: Figures[]; cometbft: Figures[] } = { fuqi: [], cometbft: [] };
    for (let turn = 0; turn < Number(turns); turn++) {
      signal(theirs.pids, 'SIGSTOP');
      await load(ours, count, AGAIN, { custodial });
      found.fuqi.push(await timed(ourPids, total, () => load(ours, count, total, { custodial })));
      signal(theirs.pids, 'SIGCONT');
      signal(ourPids, 'SIGSTOP');
      await loadCometBft(theirs, count, AGAIN, Number(bytes));
      const loaded = () => loadCometBft(theirs, count, total, Number(bytes));
      found.cometbft.push(await timed(theirs.pids, total, loaded));
      signal(ourPids, 'SIGCONT');
    }
    print({
      ...{ name: 'beside-cometbft', nodes: Number(nodes), clients: count, txs: total },
      ...{ turns: Number(turns), fuqi: meansOf(found.fuqi), cometbft: meansOf(found.cometbft) },
    });
  }
} finally {
  if (fuqi) signal(pidsOf(fuqi), 'SIGCONT');
  cometbft?.stop();
  await fuqi?.stop();
}

function pidsOf({ targets }: BenchConsortium): number[] {
  return targets.map(({ process }) => process.pid);
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) process.kill(pid, name);
}

async function timed(
  pids: readonly number[],
  total: number,
  run: () => Promise<LoopFigures>,
): Promise<Figures> {
  const cpu = (): number => sum(pids, (pid) => cpuSecondsOf({ pid }));
  const before = cpu();
  const { seconds, latency } = await run();
  return {
    tps: total / seconds,
    p50_ms: latency.percentile(50) / 1000,
    p99_ms: latency.percentile(99) / 1000,
    node_us_tx: ((cpu() - before) * 1e6) / total,
  };
}
