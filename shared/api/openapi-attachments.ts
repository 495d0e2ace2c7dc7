/** The calls of attachments in the OpenAPI document. */
import { ATTACHMENT_FORMAT } from '../ledger/attachment.ts';
import { LIMITS } from '../ledger/limits.ts';
import { ID, KEY_NEEDED, natural, ok, type PathItem, path, query } from './openapi-parts.ts';
import { digest, object, problemResponses } from './openapi-schemas.ts';

const FILE = {
  digest: { ...digest, description: 'SHA-256 of the file, as `sha256sum` prints it' },
  size: { type: 'integer', minimum: 1, maximum: LIMITS.attachmentBytesMax },
  mediaType: { type: 'string' },
  'name?': { type: 'string', maxLength: 200 },
};
const ATTACHMENT = object({
  format: { const: ATTACHMENT_FORMAT },
  ...FILE,
  sealed: { ...digest, description: 'SHA-256 of the sealed parts' },
  key: { type: 'string', description: 'what opens them: whoever has it reads the file' },
});
const upload = path('upload', { type: 'string' }, '0123456789abcdef0123456789abcdef');
const FOR_MEMBER = 'For identities of the member whose node answers.';

/** Paths relative to `/v1/consortia/{c}`. */
export const ATTACHMENT_PATHS: Readonly<Record<string, PathItem>> = {
  '/attachments': {
    post: {
      operationId: 'beginAttachment',
      tags: ['transactions'],
      summary: 'Begins to send a file that a confidential field will name',
      description: `${FOR_MEMBER} The file is sent in parts, and sealed as it comes. It waits a day for a call that names it.`,
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: object(FILE),
            example: { digest: 'a'.repeat(64), size: 48213, mediaType: 'application/pdf' },
          },
        },
      },
      security: KEY_NEEDED,
      responses: {
        201: ok(
          'In which parts it is to be sent: each has `partBytes`, the last one the rest.',
          object({ upload: { type: 'string' }, parts: natural, partBytes: natural }),
        ),
        ...problemResponses(400, 401, 403, 413, 415, 429, 501, 503),
      },
    },
  },
  '/attachments/{upload}/parts/{part}': {
    put: {
      operationId: 'sendAttachmentPart',
      tags: ['transactions'],
      summary: 'Sends a part of a file',
      description: `${FOR_MEMBER} Parts may come in any order, side by side, and again.`,
      parameters: [upload, path('part', natural, 0, 'from 0')],
      requestBody: {
        required: true,
        content: {
          'application/octet-stream': { schema: { type: 'string', format: 'binary' } },
        },
      },
      security: KEY_NEEDED,
      responses: {
        204: { description: 'It is durable.' },
        ...problemResponses(400, 401, 403, 404, 413, 429, 501, 503),
      },
    },
  },
  '/attachments/{upload}/complete': {
    post: {
      operationId: 'completeAttachment',
      tags: ['transactions'],
      summary: 'Once all parts are there: the value that a confidential field has for this file',
      description: FOR_MEMBER,
      parameters: [upload],
      security: KEY_NEEDED,
      responses: {
        200: ok('What a call names the file by.', object({ attachment: ATTACHMENT })),
        ...problemResponses(401, 403, 404, 409, 422, 429, 501, 503),
      },
    },
  },
  '/transactions/{id}/attachments/{digest}': {
    get: {
      operationId: 'attachment',
      tags: ['transactions'],
      summary: 'A file that a transaction’s confidential fields name',
      description:
        'For whoever may read those fields; where it has not come to the member’s node yet, that fetches it. With `grant`, under a grant of another member, as for values. One range is served (`Range: bytes=…`); a hosted node answers 4 MiB at once at the most.',
      parameters: [
        ID,
        path('digest', digest, 'a'.repeat(64)),
        query('grant', 'a grant of the values’ owner to the asking member', digest),
      ],
      security: KEY_NEEDED,
      responses: {
        200: { description: 'The file.', content: { '*/*': { schema: { format: 'binary' } } } },
        206: {
          description: 'The range, or the beginning of it: `Content-Range` says which.',
          content: { '*/*': { schema: { format: 'binary' } } },
        },
        ...problemResponses(400, 401, 403, 404, 410, 416, 501, 503),
      },
    },
  },
};
