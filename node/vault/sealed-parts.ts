/** The parts of an attachment: each is sealed by itself, for its place among the others, by the attachment's own key. */
import { createHash, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { toHex } from '../../shared/bytes/text.ts';
import { partsOf } from '../../shared/ledger/attachment.ts';
import { DamagedAttachment } from '../../shared/ports/attachment-keeper.ts';
import type { AttachmentStore } from '../../shared/ports/attachment-store.ts';
import { sealBytesAlike, unsealBytes } from '../aes-gcm.ts';

const purposeOf = (size: number, part: number): string =>
  `fuqi/v1/attachment part ${part} of ${partsOf(size)}`;

/** Seals a part of a file of `size` bytes; the same bytes come out the same again. */
export const sealPart = (key: Uint8Array, size: number, part: number, bytes: Uint8Array): Buffer =>
  sealBytesAlike(key, purposeOf(size, part), bytes);

/** Opens it. Throws `DamagedAttachment`. */
export function openPart(
  key: Uint8Array,
  size: number,
  part: number,
  sealed: Uint8Array,
): Uint8Array {
  try {
    return unsealBytes(key, purposeOf(size, part), sealed);
  } catch {
    throw new DamagedAttachment(`part ${part} of an attachment is not what was sealed`);
  }
}

/** Where the parts of a whole attachment are, how many, and since when. */
export interface Place {
  readonly name: string;
  readonly size: number;
  readonly at: number;
}

const PlaceSchema = z.tuple([z.string(), z.number(), z.number()]);

export const encodePlace = ({ name, size, at }: Place): Uint8Array => encodeCbor([name, size, at]);

export function decodePlace(bytes: Uint8Array): Place {
  const [name, size, at] = PlaceSchema.parse(decodeCbor(bytes));
  return { name, size, at };
}

const NAME_BYTES = 16;

/** A name for parts that tells nothing. */
export const newName = (): string => toHex(randomBytes(NAME_BYTES));

/** Which parts of a place are not there; empty where it is whole. */
export async function missingParts(
  blobs: AttachmentStore,
  { name, size }: Pick<Place, 'name' | 'size'>,
): Promise<number[]> {
  const missing: number[] = [];
  for (let part = 0; part < partsOf(size); part++) {
    if (!(await blobs.has(name, part))) missing.push(part);
  }
  return missing;
}

/**
 * SHA-256 of a whole attachment’s sealed parts one after the other, and of the file; the latter is null where a part does not
 * open. Undefined where one is missing.
 */
export async function digestsOf(
  blobs: AttachmentStore,
  { name, size }: Pick<Place, 'name' | 'size'>,
  key: Uint8Array,
): Promise<{ readonly sealed: string; readonly file: string | null } | undefined> {
  const [sealed, file] = [createHash('sha256'), createHash('sha256')];
  let isDamaged = false;
  for (let part = 0; part < partsOf(size); part++) {
    const bytes = await blobs.get(name, part);
    if (!bytes) return undefined;
    sealed.update(bytes);
    try {
      if (!isDamaged) file.update(openPart(key, size, part, bytes));
    } catch (error) {
      if (!(error instanceof DamagedAttachment)) throw error;
      isDamaged = true;
    }
  }
  return { sealed: sealed.digest('hex'), file: isDamaged ? null : file.digest('hex') };
}

/** Copies parts to another name; false where one is not there any more. */
export async function copyParts(
  blobs: AttachmentStore,
  { name, size }: Place,
  to: string,
): Promise<boolean> {
  for (let part = 0; part < partsOf(size); part++) {
    const bytes = await blobs.get(name, part);
    if (!bytes) return false;
    await blobs.put(to, part, bytes);
  }
  return true;
}
