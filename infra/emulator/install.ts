/** Installs the AWS emulator into a virtual environment of its own on first use. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';

const REQUIREMENTS = path.join(import.meta.dirname, 'requirements.txt');
const CACHE = path.resolve(import.meta.dirname, '../../node_modules/.cache/fuqi');

/** The Python that runs the emulator. Throws a sentence that says what is missing. */
export function installEmulator(): string {
  const digest = createHash('sha256').update(readFileSync(REQUIREMENTS)).digest('hex');
  const folder = path.join(CACHE, `emulator-${digest.slice(0, 12)}`);
  const python = path.join(folder, 'bin/python');
  if (existsSync(python)) return python;
  mkdirSync(CACHE, { recursive: true });
  const draft = `${folder}.${process.pid}`;
  makeEnvironment(draft);
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'];
  run(path.join(draft, 'bin/python'), [...pip, '-r', REQUIREMENTS]);
  // Two that install at the same time get the same result: the later one leaves the earlier's.
  if (existsSync(folder)) rmSync(draft, { recursive: true });
  else renameSync(draft, folder);
  return python;
}

function makeEnvironment(folder: string): void {
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
    'The AWS emulator needs Python 3.10 or later with its venv module (Debian: apt-get install python3-venv).',
  );
}

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`The AWS emulator could not be installed: ${stderr.trim()}`);
}
