/** What a backup says of itself: of which ledger and member, how far it goes, and its files' hashes. */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { type Digest, isDigest } from '../shared/bytes/digest.ts';
import { MemberIdSchema } from '../shared/ledger/genesis.ts';
import { loadJson } from './config.ts';
import { UserError } from './user-error.ts';

/** The files of a backup besides its manifest. */
export const BACKUP_FILES = ['data.mdb', 'genesis.json'] as const;
export type BackupFile = (typeof BACKUP_FILES)[number];
export const MANIFEST = 'manifest.json';

const digest = z
  .string()
  .refine(isDigest, 'a digest: 64 lowercase hex digits')
  .transform((text) => text as Digest);
const FileSchema = z.strictObject({ bytes: z.int().min(0), sha256: digest });

export const ManifestSchema = z.strictObject({
  format: z.literal('fuqi-backup-1'),
  ledger: digest,
  member: MemberIdSchema,
  /** The last final block in it. */
  height: z.int().min(0),
  head: digest,
  headTime: z.iso.datetime(),
  epoch: z.int().min(1),
  taken: z.iso.datetime(),
  /** By when it is to be deleted, as the member says on the ledger. */
  deleteBy: z.iso.datetime().optional(),
  files: z.strictObject({ 'data.mdb': FileSchema, 'genesis.json': FileSchema }),
});
export type Manifest = z.infer<typeof ManifestSchema>;

/** Reads a backup's manifest; throws a `UserError` where there is none. */
export function readManifest(backup: string): Manifest {
  const file = path.join(backup, MANIFEST);
  if (!existsSync(file)) {
    throw new UserError(
      `${backup} is no backup: it has no ${MANIFEST}. Name the folder that "fuqi backup" made.`,
    );
  }
  return loadJson(file, ManifestSchema, 'manifest of the backup');
}

/** Size and SHA-256 of a file of any size. */
export async function describeFile(file: string): Promise<z.infer<typeof FileSchema>> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return { bytes: statSync(file).size, sha256: hash.digest('hex') as Digest };
}

/** Throws a `UserError` where a file is not the one that the manifest describes. */
export async function checkFile(file: string, name: BackupFile, manifest: Manifest): Promise<void> {
  if (!existsSync(file)) throw new UserError(`The backup lacks its file ${name}.`);
  const expected = manifest.files[name];
  const found = await describeFile(file);
  if (found.bytes !== expected.bytes) {
    throw new UserError(
      `The backup's ${name} is damaged: it has ${found.bytes} bytes, its manifest says ${expected.bytes}.`,
    );
  }
  if (found.sha256 === expected.sha256) return;
  throw new UserError(
    `The backup's ${name} is damaged: its SHA-256 is ${found.sha256}, its manifest says ${expected.sha256}.`,
  );
}
