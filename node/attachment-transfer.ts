/** Files to a member's node and back, as its API takes and gives them: in parts. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { type Attachment, AttachmentSchema } from '../shared/ledger/attachment.ts';
import { LIMITS } from '../shared/ledger/limits.ts';
import { call, callForBytes, type Target } from './gateway-call.ts';
import { UserError } from './user-error.ts';

const BegunSchema = z.object({
  upload: z.string(),
  parts: z.int().min(1),
  partBytes: z.int().min(1),
});
const CompleteSchema = z.object({ attachment: AttachmentSchema });

/** Sends a file; answers what a call names it by. */
export async function sendFile(
  target: Target,
  file: string,
  { mediaType, name = path.basename(file) }: { readonly mediaType: string; readonly name?: string },
): Promise<Attachment> {
  const { size } = await stat(file).catch((error: Error) => {
    throw new UserError(`${file} can't be read: ${error.message}`);
  });
  if (size < 1 || size > LIMITS.attachmentBytesMax) {
    const max = LIMITS.attachmentBytesMax;
    throw new UserError(`${file} has ${size} bytes; an attachment has 1 to ${max}.`);
  }
  const digest = await digestOf(file);
  const body = JSON.stringify({ digest, size, mediaType, name });
  const begun = BegunSchema.parse(await call(target, '/attachments', { body }));
  const { upload, parts, partBytes } = begun;
  const handle = await open(file);
  try {
    for (let part = 0; part < parts; part++) {
      const bytes = Buffer.alloc(Math.min(partBytes, size - part * partBytes));
      await handle.read(bytes, 0, bytes.length, part * partBytes);
      await callForBytes(target, `/attachments/${upload}/parts/${part}`, {
        ...{ method: 'PUT', type: 'application/octet-stream', body: bytes },
      });
    }
  } finally {
    await handle.close();
  }
  const done = await call(target, `/attachments/${upload}/complete`, { body: '{}' });
  return CompleteSchema.parse(done).attachment;
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

/** What every host gives at once. */
const RANGE_BYTES = 2 * LIMITS.attachmentPartBytes;
const CONTENT_RANGE = /^bytes ([0-9]+)-([0-9]+)\/([0-9]+)$/;

/** Reads an attachment of a transaction into a new file; what is not the file of that digest is removed again. */
export async function readFile(
  target: Target,
  {
    transaction,
    digest,
    grant,
    out,
  }: {
    readonly transaction: string;
    readonly digest: string;
    readonly grant?: string | undefined;
    readonly out: string;
  },
): Promise<number> {
  const query = grant === undefined ? '' : `?grant=${grant}`;
  const from = `/transactions/${transaction}/attachments/${digest}${query}`;
  const handle = await open(out, 'wx', 0o600).catch((error: Error) => {
    throw new UserError(`${out} can't be made: ${error.message}`);
  });
  const hash = createHash('sha256');
  let begin = 0;
  try {
    for (let size = 1; begin < size; ) {
      const range = `bytes=${begin}-${begin + RANGE_BYTES - 1}`;
      const { bytes, headers } = await callForBytes(target, from, { headers: { range } });
      const [, first, , whole] = CONTENT_RANGE.exec(String(headers['content-range'])) ?? [];
      if (Number(first) !== begin || bytes.length === 0) {
        throw new UserError(`${target.url} answered with another range than was asked for.`);
      }
      hash.update(bytes);
      await handle.write(bytes, 0, bytes.length, begin);
      begin += bytes.length;
      size = Number(whole);
    }
    if (hash.digest('hex') !== digest) {
      throw new UserError('What the node gave is not the file of that digest.');
    }
    await handle.sync();
    return begin;
  } catch (error) {
    await rm(out, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}
