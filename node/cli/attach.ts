/** `fuqi attach` and `fuqi attachment`: files that confidential fields name, to a member's node and back. */
import type { Command } from 'commander';
import { MediaTypeSchema } from '../../shared/ledger/attachment.ts';
import { readFile, sendFile } from '../attachment-transfer.ts';
import { UserError } from '../user-error.ts';
import { globalOptions, show, targetOf } from './command-context.ts';

export function registerAttach(program: Command): void {
  program
    .command('attach')
    .description('sends a file to your member’s node; prints what a call names it by')
    .argument('<file>')
    .option('--type <media type>', 'what it is', 'application/octet-stream')
    .option('--name <name>', 'another name than it has')
    .action(async (file: string, given: { type: string; name?: string }, command: Command) => {
      if (!MediaTypeSchema.safeParse(given.type).success) {
        throw new UserError(`${given.type} is no media type, such as application/pdf.`);
      }
      const options = globalOptions(command);
      const { type: mediaType, name } = given;
      const attachment = await sendFile(await targetOf(options), file, {
        mediaType,
        ...(name !== undefined && { name }),
      });
      show(options, { attachment }, JSON.stringify(attachment));
    });
  program
    .command('attachment')
    .description('reads a file that confidential fields of a transaction name')
    .argument('<transaction>', 'its id')
    .argument('<digest>', 'the file’s SHA-256')
    .requiredOption('--out <file>')
    .option('--grant <grant>', 'another member’s grant')
    .action(
      async (
        transaction: string,
        digest: string,
        { out, grant }: { out: string; grant?: string },
        command: Command,
      ) => {
        const options = globalOptions(command);
        const size = await readFile(await targetOf(options), { transaction, digest, grant, out });
        show(options, { file: out, size }, `${out}: ${size} bytes, the file of that digest`);
      },
    );
}
