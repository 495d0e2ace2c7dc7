/**
 * `fuqi export`: what is a member's own, in a folder: its transactions with receipts that anyone checks
 * offline, its record, what it used. Begun again it adds what is new; cut off, it goes on.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { isDigest } from '../../shared/bytes/digest.ts';
import { GenesisSchema, ledgerId } from '../../shared/ledger/genesis.ts';
import { loadJson } from '../config.ts';
import { call } from '../gateway-call.ts';
import { UserError } from '../user-error.ts';
import { globalOptions, show, targetOf } from './command-context.ts';

const ProgressSchema = z.strictObject({
  format: z.literal('fuqi-export-1'),
  consortium: z.string(),
  ledger: z.string().refine(isDigest),
  member: z.string(),
  /** Where the next page begins. */
  next: z.string(),
  receipts: z.int(),
  /** Bytes of `receipts.jsonl` that count: what stands behind them was being written when it was cut off. */
  bytes: z.int(),
});
type Progress = z.infer<typeof ProgressSchema>;

const PageSchema = z.object({
  member: z.string(),
  receipts: z.array(z.unknown()),
  next: z.string(),
  complete: z.boolean(),
});

export function registerExport(program: Command): void {
  program
    .command('export')
    .description('a member’s own transactions with receipts, its record and usage, into a folder')
    .requiredOption('--out <folder>', 'a new folder, or one of an earlier export: it goes on')
    .action(async (given: { out: string }, command: Command) => {
      const options = globalOptions(command);
      const target = targetOf(options);
      const get = (route: string) => call(target, route);
      const at = (name: string): string => path.join(given.out, name);
      const genesis = GenesisSchema.parse(await get('/genesis'));
      const ledger = ledgerId(genesis);
      mkdirSync(given.out, { recursive: true, mode: 0o700 });
      let progress = existsSync(at('export.json'))
        ? loadJson(at('export.json'), ProgressSchema, 'progress of an export')
        : undefined;
      if (progress && progress.ledger !== ledger) {
        throw new UserError(`${given.out} holds an export of another ledger, ${progress.ledger}.`);
      }
      if (progress) truncateSync(at('receipts.jsonl'), progress.bytes);
      else write(at('receipts.jsonl'), '');
      for (let isComplete = false; !isComplete; ) {
        const cursor = progress ? `?cursor=${progress.next}` : '';
        const page = PageSchema.parse(await get(`/export${cursor}`));
        if (progress && progress.member !== page.member) {
          throw new UserError(`${given.out} holds an export of ${progress.member}.`);
        }
        const lines = page.receipts.map((receipt) => `${JSON.stringify(receipt)}\n`).join('');
        appendFileSync(at('receipts.jsonl'), lines, { flush: true });
        progress = {
          format: 'fuqi-export-1',
          consortium: genesis.consortium,
          ledger,
          member: page.member,
          next: page.next,
          receipts: (progress?.receipts ?? 0) + page.receipts.length,
          bytes: (progress?.bytes ?? 0) + Buffer.byteLength(lines),
        };
        writeProgress(at('export.json'), progress);
        isComplete = page.complete;
      }
      const { member, receipts } = progress!;
      write(at('genesis.json'), pretty(genesis));
      write(at('member.json'), pretty(await recordOf(get, member)));
      write(at('usage.json'), pretty(await get('/usage')));
      const check = `npx fuqi verify ${at('receipts.jsonl')} --genesis ${at('genesis.json')}`;
      show(
        options,
        { folder: given.out, member, ledger, receipts },
        `${receipts} transactions of ${member} in ${given.out}\ncheck them with: ${check}`,
      );
    });
}

const pretty = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const write = (file: string, text: string): void => writeFileSync(file, text, { mode: 0o600 });

/** Replaced as a whole: half of it would lose where the export is. */
function writeProgress(file: string, progress: Progress): void {
  writeFileSync(`${file}.new`, pretty(progress), { mode: 0o600, flush: true });
  renameSync(`${file}.new`, file);
}

/** The member as the ledger has it. */
async function recordOf(get: (route: string) => Promise<unknown>, member: string) {
  const { output } = (await get('/members')) as {
    readonly output: { readonly members: readonly { readonly id: string }[] };
  };
  return output.members.find(({ id }) => id === member);
}
