/**
 * `npm run bench:reads`: how long reads take, on a quiet consortium and while clients write as fast as
 * they can. A JSON line for each kind of read: a state value, a contract's query, a state value with its
 * proof, a transaction's receipt.
 */
import { Command } from 'commander';
import { print, startConsortium } from './local/consortium.ts';
import { load } from './local/load.ts';
import { readMeanwhile } from './local/reads.ts';

const SAMPLE = 500;
const QUIET_MS = 10_000;

const { nodes, clients, txs, port } = new Command()
  .option('--nodes <number>', 'validators', '4')
  .option('--clients <list>', 'numbers of writing clients', '128,1024')
  .option('--txs <number>', 'transactions that are written meanwhile', '20000')
  .option('--port <number>', 'the first port', '9180')
  .parse()
  .opts<{ nodes: string; clients: string; txs: string; port: string }>();

const consortium = await startConsortium(Number(nodes), Number(port));
try {
  const payments: { reference: string; id: string }[] = [];
  await load(consortium, 16, SAMPLE, { onPaid: (paid) => payments.push(paid) });
  const quietUntil = performance.now() + QUIET_MS;
  const quiet = await readMeanwhile(consortium, payments, () => performance.now() > quietUntil);
  for (const line of quiet) print({ name: 'reads', writers: 0, ...line });
  for (const count of clients.split(',').map(Number)) {
    let isOver = false;
    const [{ seconds }, lines] = await Promise.all([
      load(consortium, count, Number(txs)).finally(() => {
        isOver = true;
      }),
      readMeanwhile(consortium, payments, () => isOver),
    ]);
    const tps = Math.round(Number(txs) / seconds);
    for (const line of lines) print({ name: 'reads', writers: count, tps, ...line });
  }
} finally {
  await consortium.stop();
}
