/** Damages the store of a node that is stopped. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Random } from '../support/random.ts';

const PAGE_BYTES = 4096;
/** The two pages that LMDB begins a file with, and where each says what it is. */
const FIRST_PAGES = 2 * PAGE_BYTES;
const MAGIC_AT = 24;
/** A page that begins a large value, and where its bytes are (mdb.c: MDB_page, P_OVERFLOW). */
const FLAGS_AT = 18;
const OVERFLOW = 4;
const VALUE_AT = 24;

type Damage = (folder: string, random: Random) => void;

const file = (folder: string): string => path.join(folder, 'data.mdb');

function change(folder: string, by: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file(folder));
  by(bytes);
  writeFileSync(file(folder), bytes);
}

/** Nothing is left of the store: its node starts anew, catches up, and asks the others before it votes. */
export const LOSSES: readonly string[] = ['folder deleted', 'file emptied'];

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
      for (const page of [0, PAGE_BYTES])
        flip(bytes, page + MAGIC_AT + random.between(0, 3), random);
    }),
  'large values flipped': (folder, random) =>
    change(folder, (bytes) => {
      for (let page = FIRST_PAGES; page + PAGE_BYTES <= bytes.length; page += PAGE_BYTES) {
        const isValue =
          bytes.readBigUInt64LE(page) === BigInt(page / PAGE_BYTES) &&
          bytes[page + FLAGS_AT] === OVERFLOW;
        if (isValue && random.chance(0.3)) {
          flip(bytes, page + random.between(VALUE_AT, VALUE_AT + 2000), random);
        }
      }
    }),
};

function flip(bytes: Buffer, at: number, random: Random): void {
  bytes[at]! ^= 1 << random.between(0, 7);
}
