/** `fuqi reimburse`: claims of confidential invoices, from the employer's rules to the bank, without a hand. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { loadReimburseConfig } from '../reimburse/config.ts';
import { linesOf } from '../reimburse/files.ts';
import { recordPayment, reimburse } from '../reimburse/reimburse.ts';
import { UserError } from '../user-error.ts';
import { untilStopped } from './command-context.ts';

const PaymentSchema = z.strictObject({
  order: z.string().regex(/^[0-9a-f]{64}$/),
  payment: z.string().min(1).max(64),
});
const EVERY_MS = 2000;

interface ReimburseOptions {
  readonly config: string;
  readonly once?: boolean;
  readonly paid?: string;
}

export function registerReimburse(program: Command): void {
  program
    .command('reimburse')
    .description(
      'approves claims that the employer’s policy covers, and writes payment orders; one JSON line each',
    )
    .requiredOption('--config <file>', 'whose claims, which keys, which policy')
    .option('--once', 'end at the head of the ledger')
    .option('--paid <file>', 'record the bank’s payments (JSON lines {"order", "payment"}) and end')
    .action(async ({ config, once, paid }: ReimburseOptions) => {
      const options = loadReimburseConfig(config);
      const print = (line: object): void => {
        process.stdout.write(`${JSON.stringify(line)}\n`);
      };
      if (paid !== undefined) {
        for (const payment of paymentsOf(paid)) {
          const refused = await recordPayment(options, payment);
          print(refused === null ? payment : { ...payment, refused });
          if (refused !== null) process.exitCode = 1;
        }
        return;
      }
      const stop = new AbortController();
      if (!once) void untilStopped({ patient: false }).then(() => stop.abort());
      do {
        for await (const done of reimburse(options)) {
          print(done);
          if (stop.signal.aborted) return;
        }
        if (!once) await delay(EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
      } while (!once && !stop.signal.aborted);
    });
}

function paymentsOf(file: string) {
  return linesOf(file).map((line, index) => {
    const parsed = PaymentSchema.safeParse(line);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new UserError(`${file}: line ${index + 1}: /${issue!.path.join('/')}: ${issue!.message}`);
  });
}
