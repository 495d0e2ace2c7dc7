/**
 * `npm run bench:floor`: the clients of `npm run bench` against processes that do the least that any ledger of so many nodes has
 * to (`local/floor-node.ts`). It says what the machine lets at that moment: what the product takes beyond is its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import path from 'node:path';
import { Command } from 'commander';
import { publicJwkOf } from '../node/key-file.ts';
import type { Digest } from '../shared/bytes/digest.ts';
import { print, round } from './local/consortium.ts';
import { load, transactionsOf } from './local/load.ts';
import { cpuSecondsOf, sum } from './local/process-figures.ts';

const { nodes, clients, txs, port } = new Command()
  .option('--nodes <number>', 'processes', '4')
  .option('--clients <list>', 'numbers of clients, one line each', '1,128,1024')
  .option('--txs <number>', 'transactions for each line; of one client, a tenth', '20000')
  .option('--port <number>', 'the first port', '9280')
  .parse()
  .opts<{ nodes: string; clients: string; txs: string; port: string }>();

const WARM = 6000;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ports = Array.from({ length: Number(nodes) }, (_, index) => Number(port) + index);
const file = path.join(import.meta.dirname, 'local/floor-node.ts');
const processes = ports.map((_, index) => {
  const settings = [index, ports, publicJwkOf(privateKey)].map((one) => JSON.stringify(one));
  return spawn(process.execPath, [file, ...settings], { stdio: ['pipe', 'pipe', 'inherit'] });
});
/** Each says when it listens to the others, and when it is connected to them. */
const said = ({ stdout }: ChildProcess) => once(stdout!, 'data');
const cpuSeconds = (): number => sum(processes, ({ pid }) => cpuSecondsOf({ pid: pid! }));
try {
  await Promise.all(processes.map(said));
  const ready = Promise.all(processes.map(said));
  for (const { stdin } of processes) stdin!.write('go\n');
  await ready;
  const targets = ports.map((one) => ({
    process: { url: `http://127.0.0.1:${one}` },
    key: privateKey,
  }));
  const paid = { ledger: '0'.repeat(64) as Digest, targets, gateway: targets[0]!.process } as never;
  await load(paid, 256, WARM);
  for (const count of clients.split(',').map(Number)) {
    const total = transactionsOf(count, txs);
    const [nodesBefore, own] = [cpuSeconds(), process.cpuUsage()];
    const { seconds, latency } = await load(paid, count, total);
    const { user, system } = process.cpuUsage(own);
    print({
      ...{ name: 'floor', nodes: Number(nodes), clients: count, txs: total },
      ...{ tps: Math.round(total / seconds), p50_ms: round(latency.percentile(50) / 1000) },
      node_us_tx: Math.round(((cpuSeconds() - nodesBefore) * 1e6) / total),
      client_us_tx: Math.round((user + system) / total),
    });
  }
} finally {
  for (const one of processes) one.kill();
}
