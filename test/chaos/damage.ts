/** Damages the store of a node that is stopped. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Random } from './random.ts';

/** The two pages that LMDB begins a file with. */
const FIRST_PAGES = 8192;

type Damage = (folder: string, random: Random) => void;

const file = (folder: string): string => path.join(folder, 'data.mdb');

function change(folder: string, by: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file(folder));
  by(bytes);
  writeFileSync(file(folder), bytes);
}

/** Ways to damage a data folder, by name. */
export const DAMAGES: Readonly<Record<string, Damage>> = {
  'folder deleted': (folder) => rmSync(folder, { recursive: true }),
  'file emptied': (folder) => truncateSync(file(folder), 0),
  'file truncated': (folder, random) => {
    const { length } = readFileSync(file(folder));
    truncateSync(file(folder), random.between(1, Math.floor(length / 2)));
  },
  'first pages zeroed': (folder) => change(folder, (bytes) => bytes.fill(0, 0, FIRST_PAGES)),
  'first pages flipped': (folder, random) =>
    change(folder, (bytes) => {
      for (let flips = 200; flips > 0; flips--) {
        bytes[random.between(0, FIRST_PAGES - 1)]! ^= 1 << random.between(0, 7);
      }
    }),
};
