/** The routes of signed transactions in the OpenAPI document. */
import { ID, KEY_NEEDED, ok, type PathItem, PENDING, prefer } from './openapi-parts.ts';
import { list, object, problemResponses, reference } from './openapi-schemas.ts';

const VALUES = object({
  format: { const: 'fuqi-values-1' },
  transaction: { type: 'string' },
  fields: { type: 'object' },
  disclosures: list({ type: 'string' }),
});

/** Relative to `/v1/consortia/{c}`. */
export const TRANSACTION_PATHS: Readonly<Record<string, PathItem>> = {
  '/transactions': {
    post: {
      operationId: 'submitTransaction',
      tags: ['transactions'],
      summary: 'Submits a transaction that the caller signed',
      description:
        'A JWS in compact, flattened or general JSON serialisation. It carries its own proof of who sent it, so on a public ledger it needs no API key. 200 means final; sending the same again is harmless. As `application/sd-jwt` with the disclosures of its confidential fields (RFC 9901), to the node of the signer’s own member with an API key: the node keeps them, brings them to their readers and has them endorsed.',
      parameters: [prefer('202 at once')],
      requestBody: {
        required: true,
        content: {
          'application/jose': {
            schema: { type: 'string' },
            example: 'eyJhbGciOi….eyJsZWRnZXIi….MEUC…',
          },
          'application/jose+json': { schema: reference('Jws') },
          'application/sd-jwt': {
            schema: { type: 'string' },
            example: 'eyJhbGciOi….eyJsZWRnZXIi….MEUC…~WyJfMjZi…~WyJlbHVW…~',
          },
          'application/json': { schema: reference('Jws') },
        },
      },
      responses: {
        200: ok('Committed.', reference('TransactionStatus')),
        202: PENDING,
        ...problemResponses(400, 401, 403, 404, 409, 413, 415, 422, 429, 503),
      },
    },
  },
  '/transactions/batch': {
    post: {
      operationId: 'submitBatch',
      tags: ['transactions'],
      summary: 'Submits up to 1000 signed transactions, one a line',
      description:
        'NDJSON: each line a compact JWS, bare or as a JSON string, or a JWS as a JSON object. Answers a line for each, in order, while it reads; one bad line fails that line only. `Prefer: wait=N` is for the whole batch.',
      parameters: [prefer('every line is answered as soon as it is held')],
      requestBody: {
        required: true,
        content: { 'application/x-ndjson': { schema: { type: 'string' } } },
      },
      responses: {
        200: ok('A result a line.', reference('BatchLine'), 'application/x-ndjson'),
        ...problemResponses(401, 415, 429),
      },
    },
  },
  '/transactions/{id}': {
    get: {
      operationId: 'transaction',
      tags: ['transactions'],
      summary: 'What became of a transaction',
      parameters: [ID],
      responses: {
        200: ok('Its status.', reference('TransactionStatus')),
        ...problemResponses(400, 404, 410),
      },
    },
  },
  '/transactions/{id}/receipt': {
    get: {
      operationId: 'receipt',
      tags: ['transactions'],
      summary: 'The receipt: a proof that `fuqi verify` checks offline',
      parameters: [ID],
      responses: {
        200: ok('The receipt.', reference('Receipt')),
        ...problemResponses(400, 404, 410),
      },
    },
  },
  '/values': {
    post: {
      operationId: 'grantedValues',
      tags: ['transactions'],
      summary: 'Confidential fields of several transactions of one owner, under its grant',
      description:
        'For an identity that may read (`confidential.reader`, or administrator), at its own member’s node: up to 100 transactions by one request, which stands on the ledger then.',
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: object({
              grant: { type: 'string', pattern: '^[0-9a-f]{64}$' },
              transactions: list({ type: 'string', pattern: '^[0-9a-f]{64}$' }),
            }),
          },
        },
      },
      security: KEY_NEEDED,
      responses: {
        200: ok('In the order that was asked for.', object({ values: list(VALUES) })),
        ...problemResponses(400, 401, 403, 410, 413, 415, 422, 429, 501, 503),
      },
    },
  },
  '/transactions/{id}/values': {
    get: {
      operationId: 'values',
      tags: ['transactions'],
      summary: 'The confidential fields of a transaction, from the member’s own vault',
      description:
        'For the identity that signed it, for administrators, and for those whom the contract lets read it, of the member whose node answers; where the member lacks what it reads by the contract, its node fetches it from another holder. With `grant`, another member’s values that the grant covers, from a holder’s node: the signed request stands on the ledger then. `fuqi disclose` makes files from it that prove chosen fields to others.',
      parameters: [
        ID,
        {
          name: 'grant',
          in: 'query',
          description: 'A grant of the values’ owner to the asking member.',
          schema: { type: 'string', pattern: '^[0-9a-f]{64}$' },
        },
      ],
      security: KEY_NEEDED,
      responses: {
        200: ok(
          'The fields, and the disclosure of each: base64url of [salt, name, value] (RFC 9901).',
          VALUES,
        ),
        ...problemResponses(400, 401, 403, 404, 410, 501, 503),
      },
    },
  },
};
