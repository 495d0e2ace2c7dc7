/**
 * Writes a week of the corner shop to standard output, of any size:
 * `npx node examples/generate.ts --invoices 1000 --seed 7 > file.jsonl`.
 */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { cornerShopWeek } from './corner-shop.ts';

const { values } = parseArgs({
  options: {
    invoices: { type: 'string', default: '60' },
    seed: { type: 'string', default: '7' },
  },
});

/** A whole number from the command line; ends the process with a message where it is none. */
function natural(name: 'invoices' | 'seed', max: number): number {
  const text = values[name];
  const value = Number(text);
  if (/^\d{1,10}$/.test(text) && value <= max) return value;
  process.stderr.write(`--${name}: found "${text}", expected a whole number up to ${max}\n`);
  process.exit(2);
}

const invoices = natural('invoices', 10_000_000);
for (const entry of cornerShopWeek({ invoices, seed: natural('seed', 2 ** 32 - 1) })) {
  if (!process.stdout.write(`${JSON.stringify(entry)}\n`)) await once(process.stdout, 'drain');
}
