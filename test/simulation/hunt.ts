/**
 * The hunt for deliberate bugs, each in a process of its own. `node test/simulation/hunt.ts [--bug NAME]`
 * prints a JSON line for each.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { BUGS, WITHIN } from './bugs.ts';

/** How long one seed may take where others need the cores: a bug can also keep a node from ever coming to rest. */
const SEED_MS = 300_000;
const PARALLEL = 2;

export interface Found {
  readonly bug: string;
  /** How many seeds it took; null where nothing was found. */
  readonly seeds: number | null;
  /** What was violated; null where nothing was found. */
  readonly found: string | null;
}

/** Looks for a bug over so many seeds. */
export function hunt(name: string, seeds: number): Promise<Found> {
  const script = fileURLToPath(new URL('./hunt-one.ts', import.meta.url));
  const child = spawn(process.execPath, [script, name, String(seeds)]);
  let stderr = '';
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  let begun = 0;
  let found: Found | undefined;
  const stop = (): void => void child.kill('SIGKILL');
  let deadline = setTimeout(stop, SEED_MS);
  createInterface(child.stdout).on('line', (line) => {
    const said = JSON.parse(line) as { readonly seed: number } | Found;
    if ('bug' in said) {
      found = said;
      return;
    }
    begun = said.seed;
    clearTimeout(deadline);
    deadline = setTimeout(stop, SEED_MS);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      clearTimeout(deadline);
      if (found) resolve(found);
      else if (signal)
        resolve({ bug: name, seeds: begun, found: 'liveness: a run without an end' });
      else reject(new Error(stderr));
    });
  });
}

/** Hunts several bugs, two at a time, in their order. */
export async function huntAll(
  bugs: readonly string[],
  seeds: number,
  each: (found: Found) => void,
): Promise<void> {
  const left = [...bugs];
  const worker = async (): Promise<void> => {
    for (let bug = left.shift(); bug; bug = left.shift()) each(await hunt(bug, seeds));
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { bug, seeds } = new Command()
    .option('--bug <name>', 'one bug')
    .option('--seeds <number>', 'give up after so many', String(WITHIN))
    .parse()
    .opts<{ bug?: string; seeds: string }>();
  const chosen = BUGS.filter(({ name }) => bug === undefined || name === bug);
  await huntAll(
    chosen.map(({ name }) => name),
    Number(seeds),
    (found) => process.stdout.write(`${JSON.stringify(found)}\n`),
  );
}
