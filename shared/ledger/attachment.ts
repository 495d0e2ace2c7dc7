/**
 * Attachments: files that belong to what a confidential field says. The field's value names the file and holds the key that
 * seals it, so whoever reads the field reads the file, and where the values were erased nobody does. The sealed file itself
 * travels and rests beside the values, in parts, by the digest of its sealed bytes.
 */
import { z } from 'zod';
import type { Value } from '../bytes/cbor.ts';
import { isDigest } from '../bytes/digest.ts';
import { LIMITS } from './limits.ts';

export const ATTACHMENT_FORMAT = 'fuqi-attachment-1';

const DigestSchema = z
  .string()
  .refine(isDigest, 'expected 64 lowercase hex digits')
  .meta({ pattern: '^[0-9a-f]{64}$' });

/** RFC 6838 §4.2, without parameters. */
export const MediaTypeSchema = z
  .string()
  .regex(/^[a-z]+\/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}$/, 'expected a media type');

/** What is said of a file before it is sent. */
export const FILE_FIELDS = {
  /** SHA-256 of the file, as `sha256sum` prints it. */
  digest: DigestSchema,
  /** Bytes. */
  size: z.int().min(1).max(LIMITS.attachmentBytesMax),
  mediaType: MediaTypeSchema,
  name: z.string().min(1).max(200).optional(),
} as const;

/** The value of a confidential field that is a file: what its upload answered. */
export const AttachmentSchema = z.strictObject({
  format: z.literal(ATTACHMENT_FORMAT),
  ...FILE_FIELDS,
  /** SHA-256 of the sealed parts, one after the other: the name by which holders keep them. */
  sealed: DigestSchema,
  /** base64url of the 32 bytes that seal it. */
  key: z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'expected 32 bytes as base64url'),
});

export type Attachment = z.output<typeof AttachmentSchema>;

/** The attachments that stand anywhere in confidential values, each once. */
export function attachmentsIn(values: Value): readonly Attachment[] {
  const found = new Map<string, Attachment>();
  const look = (value: Value): void => {
    if (Array.isArray(value)) for (const item of value) look(item);
    else if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) {
      const fields = value as { readonly [name: string]: Value };
      const parsed =
        fields.format === ATTACHMENT_FORMAT ? AttachmentSchema.safeParse(fields) : undefined;
      if (parsed?.success) found.set(parsed.data.sealed, parsed.data);
      else for (const item of Object.values(fields)) look(item);
    }
  };
  look(values);
  return [...found.values()];
}

/** In how many parts a file of so many bytes is sealed: all but the last hold `LIMITS.attachmentPartBytes`. */
export const partsOf = (size: number): number => Math.ceil(size / LIMITS.attachmentPartBytes);

/** How many bytes of the file a part holds. */
export const partSize = (size: number, part: number): number =>
  Math.min(LIMITS.attachmentPartBytes, size - part * LIMITS.attachmentPartBytes);
