/**
 * How far a store has come, in a file beside its identity and outside the data folder: an older copy
 * that is put in the folder's place is behind it. Written every few seconds at the most and at the end.
 */
import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { HeadStore } from '../shared/ports/head-store.ts';

/** Versions of a store's records that are durable. */
export interface KnownVersions {
  readonly head: number;
  readonly safety: number;
}

const MarkSchema = z.strictObject({ identity: z.string(), head: z.int(), safety: z.int() });
const INTERVAL_MS = 2000;

const markFile = (identityFile: string): string => `${identityFile}.mark`;

/** The mark beside an identity file; undefined where there is none, or one that was damaged. */
export function readMark(identityFile: string): z.infer<typeof MarkSchema> | undefined {
  const file = markFile(identityFile);
  if (!existsSync(file)) return undefined;
  try {
    return MarkSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    // It is written aside and renamed, so this is somebody's doing; the identity still guards.
    return undefined;
  }
}

/** A head store that keeps the mark, from the versions that were found; `close` writes it a last time. */
export function markedHeads(
  heads: HeadStore,
  identityFile: string,
  identity: string,
  found: KnownVersions,
  onFault: (error: unknown) => void,
): HeadStore & { close(): Promise<void> } {
  const versions = { head: found.head, safety: found.safety };
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;

  function write(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    const file = markFile(identityFile);
    writing = writing.then(async () => {
      const draft = `${file}.draft`;
      const text = `${JSON.stringify({ identity, ...versions })}\n`;
      await writeFile(draft, text, { mode: 0o600, flush: true });
      await rename(draft, file);
    });
    writing = writing.catch(onFault);
    return writing;
  }
  void write();

  return {
    read: (name) => heads.read(name),
    async swap(name, expected, next) {
      const swapped = await heads.swap(name, expected, next);
      if (swapped && (name === 'head' || name === 'safety')) {
        versions[name] = next.version;
        timer ??= setTimeout(write, INTERVAL_MS).unref();
      }
      return swapped;
    },
    close: write,
  };
}
