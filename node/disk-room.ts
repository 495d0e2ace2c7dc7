/** Whether a folder's disk has room for a store to go on: asked of the system by writing, not by counting. */
import { existsSync, statSync } from 'node:fs';
import { type FileHandle, open, rm } from 'node:fs/promises';
import path from 'node:path';

/** A large block with its state, twice: with less a node would stop again at once. */
export const ROOM_BYTES = 16 * 1024 * 1024;
const CHUNK = Buffer.alloc(1024 * 1024);

/** Codes of the system that say what is missing: room on the disk, or in a quota, or below a limit of file sizes. */
const FULL: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the largest size of a file is reached',
};

/**
 * Why the store in a folder can't grow by `ROOM_BYTES`, in a few words with the system's code; undefined where
 * it can. Writes as much to a file beside it, as far from the file's beginning, and removes that again.
 */
export async function whyNoRoom(folder: string): Promise<string | undefined> {
  const probe = path.join(folder, 'room.probe');
  try {
    const file = await open(probe, 'w', 0o600);
    try {
      await fill(file, sizeOf(path.join(folder, 'data.mdb')));
    } finally {
      await file.close();
    }
    return undefined;
  } catch (error) {
    const { code = 'unknown', message } = error as NodeJS.ErrnoException;
    return `${FULL[code] ?? message} (${code})`;
  } finally {
    await rm(probe, { force: true }).catch(() => {});
  }
}

const sizeOf = (file: string): number => (existsSync(file) ? statSync(file).size : 0);

async function fill(file: FileHandle, from: number): Promise<void> {
  for (let at = from; at < from + ROOM_BYTES; ) {
    const { bytesWritten } = await file.write(CHUNK, 0, CHUNK.length, at);
    at += bytesWritten;
  }
  // Some file systems say it only then.
  await file.sync();
}
