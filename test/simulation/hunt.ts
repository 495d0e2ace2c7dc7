/**
 * The hunt for deliberate bugs, each in a process of its own. `node test/simulation/hunt.ts [--bug NAME]`
 * prints a JSON line for each.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { BUGS } from './bugs.ts';

/** How long one hunt may take: a bug can also keep a node from ever coming to rest. */
const HUNT_MS = 150_000;
const PARALLEL = 2;

export interface Found {
  readonly bug: string;
  /** How many seeds it took; null where a run came to no end, or nothing was found. */
  readonly seeds: number | null;
  /** What was violated; null where nothing was found. */
  readonly found: string | null;
}

/** Looks for a bug over so many seeds. */
export function hunt(name: string, seeds: number): Promise<Found> {
  const script = fileURLToPath(new URL('./hunt-one.ts', import.meta.url));
  const child = spawn(process.execPath, [script, name, String(seeds)], { timeout: HUNT_MS });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk) => {
      output[stream] += chunk;
    });
  }
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (_code, signal) => {
      if (output.stdout) resolve(JSON.parse(output.stdout));
      else if (signal) resolve({ bug: name, seeds: null, found: 'liveness: a run without an end' });
      else reject(new Error(output.stderr));
    });
  });
}

/** Hunts several bugs, two at a time, in their order. */
export async function huntAll(
  bugs: readonly { readonly name: string; readonly seeds: number }[],
  each: (found: Found) => void,
): Promise<void> {
  const left = [...bugs];
  const worker = async (): Promise<void> => {
    for (let bug = left.shift(); bug; bug = left.shift()) each(await hunt(bug.name, bug.seeds));
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { bug, seeds } = new Command()
    .option('--bug <name>', 'one bug')
    .option('--seeds <number>', 'give up after so many', '200')
    .parse()
    .opts<{ bug?: string; seeds: string }>();
  const chosen = BUGS.filter(({ name }) => bug === undefined || name === bug);
  await huntAll(
    chosen.map(({ name }) => ({ name, seeds: Number(seeds) })),
    (found) => process.stdout.write(`${JSON.stringify(found)}\n`),
  );
}
