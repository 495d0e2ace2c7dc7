/** The command line as a user runs it: built, on ports and in a folder of its own. */
import { spawn } from 'node:child_process';
import { buildCli } from '../../infra/build-cli.ts';

export const CLI: string = await buildCli();

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export function fuqi(...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    const out = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk) => {
      out.stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      out.stderr += chunk;
    });
    child.on('close', (code) => resolve({ code, ...out }));
  });
}

/** Runs a command with `--json` and answers its document. */
// biome-ignore lint/suspicious/noExplicitAny: tests look into documents of any shape.
export async function fuqiJson(...args: readonly string[]): Promise<any> {
  const { code, stdout, stderr } = await fuqi(...args, '--json');
  if (code !== 0) throw new Error(`fuqi ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  return JSON.parse(stdout);
}
