/** Installs Python packages into a virtual environment of their own on first use: the AWS emulator, and what tests check files with. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

const CACHE = path.resolve(import.meta.dirname, '../node_modules/.cache/fuqi');

/** The Python that runs what a file of requirements names; `what` it is for. Throws a sentence that says what is missing. */
export function pythonWith(name: string, requirements: string, what: string): string {
  const digest = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  const folder = path.join(CACHE, `${name}-${digest.slice(0, 12)}`);
  const python = path.join(folder, 'bin/python');
  if (existsSync(python)) return python;
  mkdirSync(CACHE, { recursive: true });
  const draft = `${folder}.${process.pid}`;
  makeEnvironment(draft, what);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  const command = path.join(draft, 'bin/python');
  const { status, stderr } = spawnSync(command, [...pip, '-r', requirements], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${what} could not be installed: ${stderr.trim()}`);
  // Two that install at the same time get the same result: the later one leaves the earlier's.
  if (existsSync(folder)) rmSync(draft, { recursive: true });
  else renameSync(draft, folder);
  return python;
}

function makeEnvironment(folder: string, what: string): void {
  const venv = ['-m', 'venv', folder];
  if (spawnSync('python3', venv, { stdio: 'ignore' }).status === 0) return;
  rmSync(folder, { recursive: true, force: true });
  if (process.getuid?.() === 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' });
    spawnSync('apt-get', ['install', '-y', '-qq', 'python3-venv'], { env, stdio: 'ignore' });
    if (spawnSync('python3', venv, { stdio: 'ignore' }).status === 0) return;
  }
  throw new Error(
    `${what} needs Python 3.10 or later with its venv module (Debian: apt-get install python3-venv).`,
  );
}
