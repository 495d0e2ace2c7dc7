/** What the nodes' processes use, as the system counts it (proc(5)). */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import type { LocalProcess } from '../../node/local-processes.ts';
import type { BenchConsortium, Target } from './consortium.ts';

const TICKS_PER_SECOND = 100;

/** User and system time of a process so far, seconds (fields 14 and 15 of stat). */
export function cpuSecondsOf({ pid }: Pick<LocalProcess, 'pid'>): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** That of all nodes together. */
export const cpuSeconds = ({ targets }: Pick<BenchConsortium, 'targets'>): number =>
  sum(targets, ({ process }) => cpuSecondsOf(process));

/** Resident memory of a node, megabytes; `own` is without what is mapped from files. */
export const megabytes = ({ process: { pid } }: Target, what: 'all' | 'own'): number => {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const field = what === 'all' ? 'VmRSS' : 'RssAnon';
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? 0) / 1024;
};

/** Open file handles of a node. */
export const handles = ({ process: { pid } }: Target): number =>
  readdirSync(`/proc/${pid}/fd`).length;

/** What a node's data folder takes on the disk, megabytes. */
export const diskMegabytes = ({ data }: Target): number =>
  sum(readdirSync(data, { recursive: true, withFileTypes: true }), (entry) =>
    entry.isFile() ? (statSync(path.join(entry.parentPath, entry.name)).blocks * 512) / 2 ** 20 : 0,
  );

export const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
