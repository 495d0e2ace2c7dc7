/** `fuqi watch`: what happens to confidential invoices, as the tax bureau sees it: live, in sums, and what is striking. */
import type { Command } from 'commander';
import type { Happening } from '../../workloads/einvoice-watch/happenings.ts';
import { WatchedInvoices } from '../../workloads/einvoice-watch/invoices.ts';
import {
  type Alert,
  DEFAULT_RULES,
  RulesSchema,
  Watch,
} from '../../workloads/einvoice-watch/rules.ts';
import { Totals } from '../../workloads/einvoice-watch/totals.ts';
import { loadJson } from '../config.ts';
import { UserError } from '../user-error.ts';
import { happenings } from '../watch/reader.ts';
import { globalOptions, targetOf, untilStopped } from './command-context.ts';

interface WatchOptions {
  readonly rules?: string;
  readonly from?: string;
  readonly once?: boolean;
  readonly alerts?: boolean;
  readonly every: string;
}

export function registerWatch(program: Command): void {
  program
    .command('watch')
    .description(
      'the tax bureau’s view of confidential invoices: events, sums by minute, alerts; one JSON line each',
    )
    .option('--rules <file>', 'which alerts there are (JSON); the product’s own unless told')
    .option(
      '--from <cursor>',
      'the cursor of an event to go on after, a height, or "head"; the beginning unless told',
    )
    .option('--once', 'end at the head, with the sums of all that was read')
    .option('--alerts', 'print alerts only')
    .option('--every <seconds>', 'how often to look for new events', '2')
    .action(async (options: WatchOptions, command: Command) => {
      const target = targetOf(globalOptions(command));
      const every = Number(options.every);
      if (!(every >= 0.1 && every <= 3600)) {
        throw new UserError(`--every takes seconds from 0.1 to 3600, not "${options.every}".`);
      }
      const rules = options.rules
        ? loadJson(options.rules, RulesSchema, 'file of rules')
        : DEFAULT_RULES;
      const stop = new AbortController();
      if (!options.once) void untilStopped({ patient: false }).then(() => stop.abort());
      const invoices = new WatchedInvoices();
      const watch = new Watch(rules, invoices);
      const totals = new Totals();
      const print = (line: object): void => {
        process.stdout.write(`${JSON.stringify(line)}\n`);
      };
      const unlessAlerts = (line: object | undefined): void => {
        if (line && !options.alerts) print(line);
      };
      const reading = {
        target,
        from: startOf(options.from),
        lookAgainMs: options.once ? undefined : every * 1000,
        signal: stop.signal,
      };
      for await (const read of happenings(reading)) {
        if (!read) {
          // Nothing of this minute comes any more that the clock has left well behind.
          if (!options.once) unlessAlerts(totals.endMinute(Date.now() - SETTLED_MS));
          continue;
        }
        const { happening, cursor } = read;
        unlessAlerts(totals.add(happening.at, invoices.apply(happening)));
        unlessAlerts({ ...told(happening), cursor });
        for (const alert of watch.see(happening)) print(toldAlert(alert));
      }
      if (options.once) unlessAlerts({ totals: totals.rows() });
    });
}

/** Blocks of a minute are final by so long after it. */
const SETTLED_MS = 60_000;

function startOf(text: string | undefined): Readonly<Record<string, string>> {
  if (text === undefined) return {};
  return text.includes('.') ? { cursor: text } : { from: text };
}

/** Without what only serves the rules. */
function told(happening: Happening): object {
  const { at, ...rest } = happening;
  const time = new Date(at).toISOString();
  if (happening.what !== 'issued') return { time, ...rest };
  const { sameness: _, ...shown } = rest as Omit<typeof happening, 'at'>;
  return { time, ...shown };
}

const toldAlert = ({ at, ...rest }: Alert): object => ({
  time: new Date(at).toISOString(),
  ...rest,
});
