/**
 * Files that belong to confidential fields, over HTTP: sent in parts before a call names them, and read with the values that
 * do. A part fits a request of every host.
 */
import { z } from 'zod';
import { runningSha256 } from '../bytes/crypto.ts';
import { isDigest } from '../bytes/digest.ts';
import { FILE_FIELDS, partSize, partsOf } from '../ledger/attachment.ts';
import { LIMITS } from '../ledger/limits.ts';
import { Rejected } from '../ledger/rejection.ts';
import { UPLOADS_MAX } from '../ports/attachment-keeper.ts';
import { readJsonObject, readUpTo, refusedBody } from './body.ts';
import { type ByteRange, byteRange } from './byte-range.ts';
import type { AttachmentContent } from './ledger-service.ts';
import { chargeFile, unchargeFile } from './metering.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { problem, problemResponse, rejectionDocument } from './problem.ts';
import { keyNeeded } from './tenant.ts';
import { notADigest } from './transactions.ts';
import { readValues } from './values.ts';
import { refuseWhileMoving } from './vault.ts';

const BODY_BYTES_MAX = 4096;
const PART_BYTES = LIMITS.attachmentPartBytes;
const FileSchema = z.strictObject(FILE_FIELDS);
const NO_STORE = { 'cache-control': 'no-store' };

/** `POST …/attachments`: says which file is to come; the answer says in which parts. */
export async function postAttachment(c: ApiContext, node: NodeApi): Promise<Response> {
  const uploads = await uploadsFor(c, node);
  if (uploads instanceof Response) return uploads;
  const body = await readJsonObject(c.req.raw, BODY_BYTES_MAX);
  if (body instanceof Response) return body;
  const parsed = FileSchema.safeParse(body);
  if (!parsed.success) return refusedBody(parsed.error);
  const { size } = parsed.data;
  const refused = await chargeFile(c, node, size);
  if (refused) return refused;
  const upload = await uploads.begin(parsed.data, Date.now());
  if (upload === undefined) {
    unchargeFile(c, node, size);
    const detail =
      'More files are on their way to this node than it takes; complete some, or wait a day.';
    return problem('too-many-uploads', detail, { expected: UPLOADS_MAX }, { 'retry-after': '60' });
  }
  const answer = { upload, parts: partsOf(size), partBytes: PART_BYTES };
  return c.json(answer, 201, NO_STORE);
}

/** `PUT …/attachments/{upload}/parts/{part}`: the bytes of a part, numbered from 0. Again is harmless. */
export async function putAttachmentPart(c: ApiContext, node: NodeApi): Promise<Response> {
  const uploads = await uploadsFor(c, node);
  if (uploads instanceof Response) return uploads;
  const part = partNumber(c.req.param('part') ?? '');
  if (part === undefined) return noPart(c.req.param('part') ?? '');
  const bytes = await readUpTo(c.req.raw, PART_BYTES);
  if (!bytes) {
    const detail = `A part has ${PART_BYTES} bytes, the last one the rest.`;
    return problem('payload-too-large', detail, { expected: PART_BYTES });
  }
  const outcome = await uploads.put(c.req.param('upload') ?? '', part, bytes);
  if (outcome === 'kept' || outcome === 'completed') return c.body(null, 204, NO_STORE);
  if (outcome === 'unknown-upload') return unknownUpload();
  if (outcome.expected === 0) return noPart(String(part));
  return problem('bad-request', `Part ${part} of this file has ${outcome.expected} bytes.`, {
    got: bytes.length,
    expected: outcome.expected,
  });
}

/** `POST …/attachments/{upload}/complete`: once all parts are here, what a call names the file by. */
export async function postAttachmentComplete(c: ApiContext, node: NodeApi): Promise<Response> {
  const uploads = await uploadsFor(c, node);
  if (uploads instanceof Response) return uploads;
  const outcome = await uploads.complete(c.req.param('upload') ?? '');
  if (outcome === 'unknown-upload') return unknownUpload();
  if (outcome === 'other-file') {
    const detail = 'The parts are not the file of that digest; the upload is gone, begin anew.';
    return problem('upload-mismatch', detail);
  }
  if ('missing' in outcome) {
    const detail = `Of the file's parts ${outcome.missing.length} did not come; send them, and complete it then.`;
    return problem('upload-incomplete', detail, { got: [...outcome.missing] });
  }
  return c.json({ attachment: outcome }, 200, NO_STORE);
}

/**
 * `GET …/transactions/{id}/attachments/{digest}`: the file, for whoever may read the values that name it; with `?grant=`, as
 * for values. One `Range` is served.
 */
export async function getAttachment(c: ApiContext, node: NodeApi): Promise<Response> {
  const digest = c.req.param('digest') ?? '';
  if (!isDigest(digest)) return notADigest('digest', digest);
  const found = await readValues(c, node);
  if (found instanceof Response) return found;
  const content = await node.service.attachment(found.values, digest, found.grant);
  if (content instanceof Rejected) return problemResponse(rejectionDocument(content.rejection));
  if (!content) {
    const detail = 'The values of this transaction name no such attachment.';
    return problem('not-found', detail, { got: digest });
  }
  return attachmentResponse(c, content, node.answerBytesMax);
}

async function attachmentResponse(
  c: ApiContext,
  content: AttachmentContent,
  bytesMax = Number.POSITIVE_INFINITY,
): Promise<Response> {
  const { digest, size, name } = content.attachment;
  const asked = byteRange(c.req.header('range'), size);
  if (asked === 'outside') {
    const range = { 'content-range': `bytes */${size}` };
    return problem(
      'range-not-satisfiable',
      `The file has ${size} bytes.`,
      { expected: size },
      range,
    );
  }
  if (!asked && size > bytesMax) {
    const detail = `This host answers ${bytesMax} bytes at once; ask for ranges ("Range: bytes=0-${bytesMax - 1}").`;
    return problem('range-needed', detail, { got: size, expected: bytesMax });
  }
  const whole: ByteRange = { first: 0, last: size - 1 };
  // A server may answer a part of what was asked (RFC 9110 §15.3.7): the client goes on from there.
  const range = asked
    ? { ...asked, last: Math.min(asked.last, asked.first + bytesMax - 1) }
    : whole;
  const chunks = chunksOf(content, range);
  const first = await chunks.next();
  if (first.value instanceof Rejected) {
    return problemResponse(rejectionDocument(first.value.rejection));
  }
  const headers: Record<string, string> = {
    ...NO_STORE,
    // Somebody else's file: no browser is to show it as a page of this host, no host on the way to take it for text.
    'content-type': 'application/octet-stream',
    'content-length': String(range.last - range.first + 1),
    'content-disposition': `attachment; filename*=UTF-8''${encodeURIComponent(name ?? digest)}`,
    'x-content-type-options': 'nosniff',
    'accept-ranges': 'bytes',
    // RFC 9530 §3: of the whole file.
    'repr-digest': `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:`,
    ...(asked && { 'content-range': `bytes ${range.first}-${range.last}/${size}` }),
  };
  return new Response(streamOf(first.value as Uint8Array, chunks), {
    status: asked ? 206 : 200,
    headers,
  });
}

/**
 * The bytes of a range, part by part. Of a whole file the last part comes only where all of them are the file that the value
 * names: whoever gave the parts may have others.
 */
async function* chunksOf(
  { attachment: { digest, size }, part: read }: AttachmentContent,
  { first, last }: ByteRange,
): AsyncGenerator<Uint8Array | Rejected> {
  const running = first === 0 && last === size - 1 ? runningSha256() : undefined;
  for (let part = Math.floor(first / PART_BYTES); part * PART_BYTES <= last; part++) {
    const bytes = await read(part);
    if (bytes instanceof Rejected) {
      yield bytes;
      return;
    }
    if (bytes.length !== partSize(size, part)) throw new Error('a part of another length');
    running?.add(bytes);
    const isLast = (part + 1) * PART_BYTES > last;
    if (isLast && running && running.hex() !== digest) throw new Error('parts of another file');
    const begin = part * PART_BYTES;
    yield bytes.subarray(Math.max(0, first - begin), last + 1 - begin);
  }
}

function streamOf(
  first: Uint8Array,
  rest: AsyncGenerator<Uint8Array | Rejected>,
): ReadableStream<Uint8Array> {
  let next: Uint8Array | undefined = first;
  return new ReadableStream({
    async pull(controller) {
      if (next) controller.enqueue(next);
      const { value } = await rest.next();
      // What is cut off the client sees by its length.
      if (value instanceof Rejected) throw new Error(value.rejection.message);
      next = value;
      if (!next) controller.close();
    },
    async cancel() {
      await rest.return(undefined);
    },
  });
}

async function uploadsFor(c: ApiContext, { service }: NodeApi) {
  const tenant = c.get('tenant');
  if (!tenant) return keyNeeded();
  const { member, uploads } = service;
  if (tenant.member !== member) {
    return problem('forbidden', `Send it to the node of ${tenant.member}.`, {
      expected: tenant.member,
    });
  }
  if (!uploads) return problem('no-vault', 'This node has no vault to keep files in.');
  return (await refuseWhileMoving(service)) ?? uploads;
}

const partNumber = (text: string): number | undefined =>
  /^(0|[1-9][0-9]{0,2})$/.test(text) ? Number(text) : undefined;

const noPart = (got: string): Response =>
  problem('not-found', 'The file has no such part; they are numbered from 0.', { got });

const unknownUpload = (): Response =>
  problem('not-found', 'No such upload is under way; one lasts a day. Begin anew.');
