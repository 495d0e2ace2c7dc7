/**
 * How far a store has come, in a file beside its identity and outside the data folder: an older copy
 * that is put in the folder's place is behind it, and a record that was put in another's place differs. Written
 * every few seconds at the most and at the end; after an end in order the store can't have come any further.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import type { HeadStore } from '../shared/ports/head-store.ts';

/** Versions of a store's records that are durable. */
export interface KnownVersions {
  readonly head: number;
  readonly safety: number;
}

/** SHA-256 of the records of those versions, in hex; of none where there is none. */
export interface KnownDigests {
  readonly headDigest: string;
  readonly safetyDigest: string;
}

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const MarkSchema = z.strictObject({
  identity: z.string(),
  head: z.int(),
  safety: z.int(),
  headDigest: digest,
  safetyDigest: digest,
  /** Whether the node ended in order since. */
  ended: z.boolean(),
});
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

/** The digest of a record's bytes. */
export const recordDigest = (bytes: Uint8Array = new Uint8Array()): string =>
  createHash('sha256').update(bytes).digest('hex');

/** A command of the operator changes the store: it may be further than its node left it. */
export async function expectChange(identityFile: string): Promise<void> {
  const mark = readMark(identityFile);
  if (mark?.ended) await writeMark(identityFile, { ...mark, ended: false });
}

async function writeMark(identityFile: string, mark: z.infer<typeof MarkSchema>): Promise<void> {
  const file = markFile(identityFile);
  const draft = `${file}.draft`;
  await writeFile(draft, `${JSON.stringify(mark)}\n`, { mode: 0o600, flush: true });
  await rename(draft, file);
}

/** A head store that keeps the mark, from what was found; `close` writes it a last time. */
export function markedHeads(
  heads: HeadStore,
  identityFile: string,
  identity: string,
  found: KnownVersions & KnownDigests,
  onFault: (error: unknown) => void,
): HeadStore & { close(): Promise<void> } {
  const versions = { head: found.head, safety: found.safety };
  const digests = { headDigest: found.headDigest, safetyDigest: found.safetyDigest };
  let writing: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  // A swap that failed may have been stored all the same.
  let isSure = true;

  function write(ended: boolean): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    writing = writing
      .then(() => writeMark(identityFile, { identity, ...versions, ...digests, ended }))
      .catch(onFault);
    return writing;
  }
  void write(false);

  return {
    read: (name) => heads.read(name),
    async swap(name, expected, next) {
      const swapped = await heads.swap(name, expected, next).catch((error: unknown) => {
        isSure = false;
        throw error;
      });
      if (swapped && (name === 'head' || name === 'safety')) {
        versions[name] = next.version;
        digests[`${name}Digest`] = recordDigest(next.bytes);
        timer ??= setTimeout(write, INTERVAL_MS, false).unref();
      }
      return swapped;
    },
    close: () => write(isSure),
  };
}
