/**
 * `npm run bench:cometbft -- --binary <cometbft>`: the clients of `npm run bench` against four nodes of the product, and the same
 * number of clients against four validators of CometBFT with its example application, on this machine, by turns; who does not
 * have its turn is stopped meanwhile (SIGSTOP), since waiting costs CometBFT processor time too. A line for each number of clients
 * has the means of both. CometBFT's transactions are as long as the product's, but nobody signs or checks them.
 */
import { Command } from 'commander';
import { type CometBft, loadCometBft, startCometBft } from './local/cometbft.ts';
import { type BenchConsortium, print, round, startConsortium } from './local/consortium.ts';
import { load } from './local/load.ts';
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

interface Figures {
  readonly tps: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly node_us_tx: number;
}
type Loaded = Pick<Awaited<ReturnType<typeof load>>, 'seconds' | 'latency'>;

let fuqi: BenchConsortium | undefined;
let cometbft: CometBft | undefined;
try {
  fuqi = await startConsortium(Number(nodes), 9180);
  cometbft = await startCometBft(binary, Number(nodes), 9380);
  const [ours, theirs] = [fuqi, cometbft];
  const ourPids = ours.targets.map(({ process }) => process.pid);
  await load(ours, 256, Number(warm), { custodial });
  await loadCometBft(theirs, 256, Number(warm), Number(bytes));
  for (const count of clients.split(',').map(Number)) {
    const total = count === 1 ? Math.ceil(Number(txs) / 10) : Number(txs);
    const found: { fuqi: Figures[]; cometbft: Figures[] } = { fuqi: [], cometbft: [] };
    for (let turn = 0; turn < Number(turns); turn++) {
      for (const pid of theirs.pids) process.kill(pid, 'SIGSTOP');
      await load(ours, count, AGAIN, { custodial });
      found.fuqi.push(await timed(ourPids, total, () => load(ours, count, total, { custodial })));
      for (const pid of theirs.pids) process.kill(pid, 'SIGCONT');
      for (const pid of ourPids) process.kill(pid, 'SIGSTOP');
      await loadCometBft(theirs, count, AGAIN, Number(bytes));
      const loaded = () => loadCometBft(theirs, count, total, Number(bytes));
      found.cometbft.push(await timed(theirs.pids, total, loaded));
      for (const pid of ourPids) process.kill(pid, 'SIGCONT');
    }
    print({
      ...{ name: 'beside-cometbft', nodes: Number(nodes), clients: count, txs: total },
      ...{ turns: Number(turns), fuqi: means(found.fuqi), cometbft: means(found.cometbft) },
    });
  }
} finally {
  for (const { process: one } of fuqi?.targets ?? []) process.kill(one.pid, 'SIGCONT');
  cometbft?.stop();
  await fuqi?.stop();
}

async function timed(
  pids: readonly number[],
  total: number,
  run: () => Promise<Loaded>,
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

function means(list: readonly Figures[]): Figures {
  const mean = (name: keyof Figures): number => sum(list, (one) => one[name]) / list.length;
  return {
    tps: Math.round(mean('tps')),
    p50_ms: round(mean('p50_ms')),
    p99_ms: round(mean('p99_ms')),
    node_us_tx: Math.round(mean('node_us_tx')),
  };
}
