/** `fuqi vouchers`: confidential invoices and notes for an accounting system, or on paper. */
import path from 'node:path';
import { type Command, Option } from 'commander';
import { NumberSchema } from '../../workloads/invoice/records.ts';
import { consortiumUrl } from '../gateway-call.ts';
import { UserError } from '../user-error.ts';
import { numbersSince, voucherOf } from '../vouchers/read.ts';
import { FORMATS, type Format, writeVouchers } from '../vouchers/write.ts';
import { globalOptions, targetOf } from './command-context.ts';

interface VouchersOptions {
  readonly out: string;
  readonly format: Format;
  readonly number?: readonly string[];
  readonly from?: string;
}

export function registerVouchers(program: Command): void {
  program
    .command('vouchers')
    .description(
      'confidential invoices and notes that the key’s identity is shown, as JSON lines, CSV, UBL or PDF; one JSON line each',
    )
    .requiredOption('--out <folder>', 'where the files go')
    .addOption(new Option('--format <format>', 'of the files').choices(FORMATS).default('json'))
    .option(
      '--number <numbers...>',
      'these; all that something happened to since --from unless told',
    )
    .option('--from <cursor>', 'the cursor that was printed last; the beginning unless told')
    .action(async (options: VouchersOptions, command: Command) => {
      const target = targetOf(globalOptions(command));
      for (const number of options.number ?? []) {
        if (!NumberSchema.safeParse(number).success) {
          throw new UserError(`"${number}" is no invoice number: 20 digits.`);
        }
      }
      const { numbers, cursor } = options.number
        ? { numbers: options.number, cursor: null }
        : await numbersSince(target, options.from ? { cursor: options.from } : {});
      const found = [];
      let hidden = 0;
      for (const number of numbers) {
        const voucher = await voucherOf(target, number);
        if (voucher) found.push(voucher);
        else hidden++;
      }
      const base = consortiumUrl(target);
      const folder = path.resolve(options.out);
      const print = (line: object): void => {
        process.stdout.write(`${JSON.stringify(line)}\n`);
      };
      for (const { file, vouchers } of await writeVouchers(found, folder, options.format, base)) {
        for (const { number, kind, status, transaction } of vouchers) {
          print({ number, kind, status, transaction, file });
        }
      }
      print({ vouchers: found.length, hidden, cursor: cursor ?? options.from ?? null });
    });
}
