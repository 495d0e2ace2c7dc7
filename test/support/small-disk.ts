/**
 * A disk that is full for a while, for a real process. Where this process may mount (root, or a container with
 * that right) a folder becomes a small tmpfs, which is filled to its last byte: every file on it meets ENOSPC.
 * Elsewhere the system's limit of file sizes is set on the running process (`prlimit`, no rights needed, Linux):
 * its store meets EFBIG, and what the limit does not reach (logs, small files) can still be written.
 */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';

export type DiskKind = 'tmpfs' | 'file-size';

export interface SmallDisk {
  readonly kind: DiskKind;
  /** Leaves no room for the process's store. */
  fill(pid: number): void;
  /** Makes room again. */
  free(pid: number): void;
  /** Gives the folder back to its own disk, with what is in it; nothing may use it. */
  remove(): void;
}

/** Which kinds this machine can do, the one that is closest to the truth first. */
export function diskKinds(): DiskKind[] {
  const kinds: DiskKind[] = [];
  const probe = path.join('/tmp', `fuqi-mount-${process.pid}`);
  mkdirSync(probe);
  try {
    quiet('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', probe);
    quiet('umount', probe);
    kinds.push('tmpfs');
  } catch {
    // No right to mount.
  } finally {
    rmSync(probe, { recursive: true });
  }
  try {
    quiet('prlimit', '--pid', `${process.pid}`, '--fsize');
    kinds.push('file-size');
  } catch {
    // No prlimit(1): not Linux, or without util-linux.
  }
  return kinds;
}

/** Puts a node's folder, whose process is stopped, on a disk of so many MiB; its store is in `data`. */
export function smallDisk(folder: string, kind: DiskKind, sizeMiB: number): SmallDisk {
  return kind === 'tmpfs' ? smallTmpfs(folder, sizeMiB) : fileSizeLimit(folder);
}

function smallTmpfs(folder: string, sizeMiB: number): SmallDisk {
  const before = `${folder}.before`;
  renameSync(folder, before);
  mkdirSync(folder, { mode: 0o700 });
  quiet('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=700`, 'tmpfs', folder);
  cpSync(before, folder, { recursive: true });
  rmSync(before, { recursive: true });
  const filler = path.join(folder, 'filler');
  return {
    kind: 'tmpfs',
    fill() {
      const file = openSync(filler, 'w');
      try {
        // Until the system says that there is no room.
        for (let size = 1024 * 1024; size >= 1; ) {
          try {
            writeSync(file, Buffer.alloc(size));
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
            size = Math.floor(size / 16);
          }
        }
      } finally {
        closeSync(file);
      }
      const { bavail } = statfsSync(folder);
      if (bavail !== 0) throw new Error(`${folder} has ${bavail} blocks left`);
    },
    free: () => rmSync(filler),
    remove() {
      rmSync(filler, { force: true });
      cpSync(folder, before, { recursive: true });
      quiet('umount', folder);
      rmSync(folder, { recursive: true });
      renameSync(before, folder);
    },
  };
}

function fileSizeLimit(folder: string): SmallDisk {
  const limit = (pid: number, bytes: string): void =>
    // The soft limit only: it can be raised again.
    quiet('prlimit', '--pid', `${pid}`, `--fsize=${bytes}:`);
  return {
    kind: 'file-size',
    fill: (pid) => limit(pid, `${statSync(path.join(folder, 'data', 'data.mdb')).size}`),
    free: (pid) => limit(pid, 'unlimited'),
    remove: () => {},
  };
}

function quiet(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: 'pipe' });
}
