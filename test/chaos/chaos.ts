/**
 * `npm run chaos -- --minutes M --seed S`: real processes under load and faults. Prints a line for each fault and one last
 * summary line; ends with 1 where anything was wrong. The seed decides what is done, not when.
 */
import { Command } from 'commander';
import { chaos } from './run.ts';

const given = new Command()
  .option('--minutes <number>', 'how long the nemesis acts', '10')
  .option('--seed <number>', 'of the choices', String(Date.now() % 1_000_000))
  .option('--clients <number>', 'clients at once', '8')
  .option('--think <ms>', 'mean time between a client’s calls', '200')
  .option('--short-lived <part>', 'part of the signed transactions that live 2.5 s only', '0')
  .option('--port <number>', 'the gateway’s port; the nodes take those after it', '18400')
  .option('--keep', 'keep the folder with the nodes’ logs and stores')
  .option('--json', 'JSON lines (there is no other output)')
  .parse()
  .opts<{
    minutes: string;
    seed: string;
    clients: string;
    think: string;
    shortLived: string;
    port: string;
    keep?: boolean;
    json?: boolean;
  }>();

const print = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

const summary = await chaos({
  seed: Number(given.seed),
  seconds: Number(given.minutes) * 60,
  clients: Number(given.clients),
  thinkMs: Number(given.think),
  shortLived: Number(given.shortLived),
  port: Number(given.port),
  onLine: print,
  keep: given.keep === true,
});
print({ event: 'summary', ...summary });
process.exit(summary.violations.length > 0 ? 1 : 0);
