/**
 * One process for one data folder: a file `node.lock` with the holder's process id. A lock whose
 * process is gone (kill -9, power failure) is taken over. Guards against mistakes, not attackers.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  /** When that process started, in the system's own unit; tells it from a later one of the same id. */
  readonly started: string | null;
}

/** Locks that this very process holds: its own id in a file alone does not say so. */
const held = new Set<string>();

/**
 * Locks a folder for this process; answers the function that frees it. Throws an Error that names
 * the holder where another live process, or this one, has it.
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, 'node.lock');
  const own: Holder = { pid: process.pid, started: startOf(process.pid) };
  for (let attempt = 0; attempt < 3; attempt++) {
    if (create(path, own)) {
      held.add(path);
      return () => {
        held.delete(path);
        rmSync(path, { force: true });
      };
    }
    const holder = read(path);
    if (holder && lives(holder, path)) {
      throw new Error(
        `The folder ${folder} is in use by process ${holder.pid}; stop that process, or use ` +
          `another folder (if it is no Fuqi node, remove ${path}).`,
      );
    }
    takeAway(path, own.pid);
  }
  throw new Error(`The lock ${path} changes hands too fast; try again.`);
}

function create(path: string, own: Holder): boolean {
  // Written aside and linked, so that nobody ever reads a lock without its process id.
  const draft = `${path}.${own.pid}`;
  try {
    writeFileSync(draft, JSON.stringify(own));
    linkSync(draft, path);
    return true;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    throw new Error(
      `The lock ${path} can't be written (${message}): make room where there is none, and start again.`,
      { cause },
    );
  } finally {
    rmSync(draft, { force: true });
  }
}

function read(path: string): Holder | undefined {
  try {
    const { pid, started } = JSON.parse(readFileSync(path, 'utf8')) as Holder;
    return Number.isInteger(pid) && pid > 0 ? { pid, started } : undefined;
  } catch {
    return undefined;
  }
}

/** Takes a dead process's lock away, unless another process replaced it by its own just now. */
function takeAway(path: string, pid: number): void {
  const aside = `${path}.stale.${pid}`;
  try {
    renameSync(path, aside);
    const holder = read(aside);
    if (holder && lives(holder, path)) linkSync(aside, path);
    rmSync(aside, { force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOENT' && code !== 'EEXIST') throw error;
  }
}

function lives({ pid, started }: Holder, path: string): boolean {
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  return started === null || started === startOf(pid);
}

/**
 * A process's start time as Linux gives it (proc(5), /proc/PID/stat, field 22); null elsewhere, and
 * for a process that ended but was not collected by its parent yet: its command line is empty.
 */
function startOf(pid: number): string | null {
  try {
    if (readFileSync(`/proc/${pid}/cmdline`).length === 0) return null;
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the command in brackets and may hold blanks.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
