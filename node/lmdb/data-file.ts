/**
 * A look at an LMDB data file before LMDB maps it: LMDB trusts its file and ends the process by a
 * signal where it is damaged. Finds what is no LMDB file, cut off, or overwritten at its roots; it
 * does not read the whole file.
 */
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';

// The layout of LMDB's data format 2 (mdb.c: MDB_page, MDB_meta, MDB_db), little-endian.
const MAGIC = 0xbeefc0de;
const PAGE_HEADER_BYTES = 24;
const FLAGS_AT = 18;
const META = { magic: 24, pageSize: 48, freeRoot: 88, mainRoot: 136, lastPage: 144, txn: 152 };
const META_BYTES = 160;
const META_PAGE = 8;
const BRANCH_OR_LEAF = 1 | 2;
const NO_PAGE = 2n ** 64n - 1n;
// The last pages of a file may have been taken and given back without ever being written.
const UNWRITTEN_PAGES_MAX = 32;

/** Throws an Error of one sentence where the folder's data file is damaged; none is fine. */
export function checkDataFile(folder: string): void {
  const path = join(folder, 'data.mdb');
  if (!existsSync(path)) return;
  const file = openSync(path, 'r');
  try {
    const status = fstatSync(file);
    const damage = status.isFile() ? findDamage(file, status.size) : 'it is no file';
    if (damage) {
      throw new Error(
        `The store ${path} is damaged (${damage}); move the data folder away, and restore a backup ` +
          '("fuqi restore") or start with an empty folder: the node asks the others before it signs.',
      );
    }
  } finally {
    closeSync(file);
  }
}

function findDamage(file: number, size: number): string | undefined {
  // A process that was killed while it made the file leaves an empty one.
  if (size === 0) return undefined;
  const first = readAt(file, 0, META_BYTES);
  const pageSize = first?.readUInt32LE(META.pageSize) ?? 0;
  if (!first || !isMeta(first) || pageSize < 512) return 'its first page is not LMDB’s';
  const second = readAt(file, pageSize, META_BYTES);
  if (!second || !isMeta(second)) return 'its second page is not LMDB’s';
  const firstIsNewer = first.readBigUInt64LE(META.txn) > second.readBigUInt64LE(META.txn);
  const meta = firstIsNewer ? first : second;
  const pages = Number(meta.readBigUInt64LE(META.lastPage)) + 1;
  if (size < (pages - UNWRITTEN_PAGES_MAX) * pageSize) {
    return `it has ${size} bytes and should have ${pages * pageSize}`;
  }
  for (const root of [META.freeRoot, META.mainRoot]) {
    const number = meta.readBigUInt64LE(root);
    if (number === NO_PAGE) continue;
    const page = readAt(file, Number(number) * pageSize, PAGE_HEADER_BYTES);
    if (!page || page.readBigUInt64LE(0) !== number || !(page[FLAGS_AT]! & BRANCH_OR_LEAF)) {
      return `its page ${number} is not what it should be`;
    }
  }
  return undefined;
}

const isMeta = (page: Buffer): boolean =>
  (page[FLAGS_AT]! & META_PAGE) !== 0 && page.readUInt32LE(META.magic) === MAGIC;

/** Exactly `length` bytes from a place in the file; undefined where it ends before. */
function readAt(file: number, position: number, length: number): Buffer | undefined {
  const bytes = Buffer.alloc(length);
  return readSync(file, bytes, 0, length, position) === length ? bytes : undefined;
}
