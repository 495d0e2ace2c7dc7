/** `fuqi disclose`: a file that proves chosen confidential fields of a transaction, and tells nothing of the others. */
import { existsSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { z } from 'zod';
import { isDigest } from '../../shared/bytes/digest.ts';
import { BadDisclosure, type Disclosure, readDisclosure } from '../../shared/ledger/disclosure.ts';
import { loadJson } from '../config.ts';
import { UserError } from '../user-error.ts';
import { globalOptions, show } from './command-context.ts';

/** The confidential values of a transaction, as whoever may know them keeps them. */
const ValuesSchema = z.strictObject({
  format: z.literal('fuqi-values-1'),
  transaction: z.string().refine(isDigest, 'a transaction’s id'),
  /** The same values for people; what counts are the disclosures. */
  fields: z.record(z.string(), z.unknown()).optional(),
  disclosures: z.array(z.string()),
});
const ReceiptSchema = z.looseObject({
  format: z.literal('fuqi-receipt-1'),
  transaction: z.looseObject({ id: z.string() }),
});

export function registerDisclose(program: Command): void {
  program
    .command('disclose')
    .description(
      'a file that proves chosen confidential fields of a transaction to whoever gets it',
    )
    .argument('<receipt>', 'the transaction’s receipt')
    .requiredOption('--values <file>', 'its confidential values, with their salts')
    .requiredOption('--fields <names>', 'what to disclose, with commas')
    .requiredOption('--out <file>')
    .action(
      (file: string, given: { values: string; fields: string; out: string }, command: Command) => {
        const receipt = loadJson(file, ReceiptSchema, 'receipt');
        const values = loadJson(given.values, ValuesSchema, 'file of values');
        if (values.transaction !== receipt.transaction.id) {
          throw new UserError('The values are of another transaction than the receipt.');
        }
        if (existsSync(given.out)) throw new UserError(`${given.out} is there already.`);
        const chosen = choose(values.disclosures, given.fields.split(','));
        const disclosures = chosen.map(({ text }) => text);
        const proof = { format: 'fuqi-disclosure-1', receipt, disclosures };
        writeFileSync(given.out, `${JSON.stringify(proof, null, 2)}\n`, { mode: 0o600 });
        const fields = chosen.map(({ name }) => name);
        const text = `${given.out}: ${fields.join(', ')}\ncheck it with: npx fuqi verify ${given.out}`;
        show(globalOptions(command), { file: given.out, fields }, text);
      },
    );
}

/** The disclosures of the named fields. */
function choose(texts: readonly string[], names: readonly string[]): readonly Disclosure[] {
  const all = readAll(texts);
  return names.map((name) => {
    const found = all.find((disclosure) => disclosure.name === name);
    if (found) return found;
    const known = all.map((disclosure) => disclosure.name).join(', ');
    throw new UserError(`There is no value of "${name}"; there are ${known || 'none'}.`);
  });
}

function readAll(texts: readonly string[]): Disclosure[] {
  try {
    return texts.map(readDisclosure);
  } catch (error) {
    if (!(error instanceof BadDisclosure)) throw error;
    throw new UserError(`The file of values holds ${error.message}.`);
  }
}
