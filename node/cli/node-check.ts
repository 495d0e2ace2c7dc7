/** `fuqi node check`: proves what a stopped node has stored, against nothing but the genesis document. */
import type { Command } from 'commander';
import { StoreFault } from '../../shared/ports/store-fault.ts';
import { openLog } from '../log.ts';
import { openNode } from '../open-node.ts';
import { UserError } from '../user-error.ts';
import { type Checked, verifyStore } from '../verify-store.ts';
import { globalOptions, show } from './command-context.ts';

export function registerCheck(node: Command): void {
  node
    .command('check')
    .description(
      'prove what a stopped node has stored: the head, all blocks with their results, the state',
    )
    .requiredOption('--config <file>', 'its configuration')
    .action(async ({ config }: { config: string }, command: Command) => {
      const checked = await checkNode(config);
      show(globalOptions(command), checked, checkText(checked));
    });
}

/** Proves a stopped node's store; opens it as a start does, and answers nobody. Throws a `UserError` for what does not hold. */
export async function checkNode(config: string): Promise<Checked> {
  const node = await openNode(config, openLog('check', 'silent'), { onUnwritable: () => {} });
  node.halt();
  try {
    return await verifyStore(node.replica, true);
  } catch (error) {
    if (error instanceof StoreFault) throw new UserError(error.message);
    throw error;
  } finally {
    await node.close();
  }
}

const checkText = ({ height, head, blocks, bodies, entries }: Checked): string =>
  [
    `The store holds, up to height ${height}.`,
    `head   ${head}`,
    `proven: the head from genesis, ${blocks} block ids, ${bodies} blocks with their results and finality, ${entries} state entries`,
  ].join('\n');
