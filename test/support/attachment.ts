/** Files for tests of attachments, and their way into a vault. */
import { createHash } from 'node:crypto';
import type { Digest } from '../../shared/bytes/digest.ts';
import { type Attachment, partSize, partsOf } from '../../shared/ledger/attachment.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import type { AttachmentKeeper, FileAhead } from '../../shared/ports/attachment-keeper.ts';

export interface TestFile extends FileAhead {
  readonly bytes: Uint8Array;
}

/** A file of so many bytes that begins with a text. */
export function fileOf(size: number, begin = 'canary'): TestFile {
  const bytes = Buffer.alloc(size, begin);
  const digest = createHash('sha256').update(bytes).digest('hex') as Digest;
  return { digest, size, mediaType: 'application/pdf', bytes };
}

/** Of two parts and a little. */
export const MIDDLING = 2 * LIMITS.attachmentPartBytes + 1000;

/** The bytes of a part. */
export const partOf = ({ bytes, size }: TestFile, part: number): Uint8Array => {
  const begin = part * LIMITS.attachmentPartBytes;
  return bytes.subarray(begin, begin + partSize(size, part));
};

/** Uploads a file; answers what a call names it by. */
export async function upload(keeper: AttachmentKeeper, file: TestFile): Promise<Attachment> {
  const { bytes: _, ...ahead } = file;
  const name = await keeper.begin(ahead, 1000);
  for (let part = 0; part < partsOf(file.size); part++) {
    await keeper.put(name!, part, partOf(file, part));
  }
  return (await keeper.complete(name!)) as Attachment;
}
