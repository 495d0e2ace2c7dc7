/**
 * `node test/simulation/hunt.ts --bug NAME` looks for a deliberate bug and prints the number of seeds
 * that it took as a JSON line; without a name it hunts all of them, each in a process of its own.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { BUGS } from './bugs.ts';
import { loadWith } from './patches.ts';

const HANG_MS = 120_000;

const options = new Command()
  .option('--bug <name>', 'one bug')
  .option('--seeds <number>', 'give up after so many', '200')
  .parse()
  .opts<{ bug?: string; seeds: string }>();

if (options.bug === undefined) {
  for (const { name } of BUGS) {
    const args = [fileURLToPath(import.meta.url), '--bug', name, '--seeds', options.seeds];
    const child = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: HANG_MS });
    // A bug can also keep a node from ever coming to rest.
    const hung = `${JSON.stringify({ bug: name, seeds: null, found: `no end: ${child.stderr}` })}\n`;
    process.stdout.write(child.stdout || hung);
  }
} else {
  const bug = BUGS.find(({ name }) => name === options.bug);
  if (!bug) throw new Error(`no bug is named ${options.bug}`);
  loadWith(bug.patches);
  // A deliberate bug may leave promises that nobody waits for.
  process.on('unhandledRejection', () => {});
  const { simulate } = await import('./run.ts');
  process.stdout.write(`${JSON.stringify(await hunt(bug.name, simulate))}\n`);
}

async function hunt(
  name: string,
  simulate: (seed: number, replicas: number) => Promise<unknown>,
): Promise<{ bug: string; seeds: number | null; found: string | null }> {
  const replicas = [4, 4, 7, 5];
  for (let seed = 1; seed <= Number(options.seeds); seed++) {
    try {
      await simulate(seed, replicas[seed % replicas.length]!);
    } catch (error) {
      return { bug: name, seeds: seed, found: (error as Error).message.split('\n')[0]! };
    }
  }
  return { bug: name, seeds: null, found: null };
}
