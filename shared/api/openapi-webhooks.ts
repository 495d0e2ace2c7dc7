/** The calls of webhooks in the OpenAPI document. */
import { KEY_NEEDED, ok, type PathItem, path, query } from './openapi-parts.ts';
import { list, object, problemResponses, reference } from './openapi-schemas.ts';

const text = { type: 'string' };
const FOR_ADMINISTRATORS = 'For administrators of the member whose node answers.';
const name = path('name', { ...text, pattern: '^[a-z][a-z0-9-]{0,39}$' }, 'erp');
const SETTINGS = object({
  url: { ...text, format: 'uri' },
  'types?': {
    ...list(text),
    description: 'only events of these types, such as `invoice.issued`; all where it is left out',
  },
  'where?': {
    type: 'object',
    additionalProperties: text,
    description:
      'only events whose `data` has exactly these texts in these fields; five at the most',
  },
  'shown?': {
    type: 'boolean',
    default: false,
    description:
      'only events of transactions that hide nothing, or whose values this member’s node has',
  },
  'paused?': { type: 'boolean', default: false },
  'cursor?': { ...text, description: 'events after this one: its `cursor`' },
  'from?': {
    anyOf: [{ const: 'head' }, { type: 'integer', minimum: 0 }],
    description:
      'a height to begin from, or `head`: only new ones. A new webhook begins at the head, one that exists goes on where it was, unless told.',
  },
});

const SECRET = {
  ...text,
  description: 'the key of its signatures (Standard Webhooks); shown now and never again',
};
const webhook = reference('Webhook');

/** Paths relative to `/v1/consortia/{c}`. */
export const WEBHOOK_PATHS: Readonly<Record<string, PathItem>> = {
  '/webhooks': {
    get: {
      operationId: 'webhooks',
      tags: ['events'],
      summary: 'Where this member’s node sends events, and how it goes',
      description: FOR_ADMINISTRATORS,
      security: KEY_NEEDED,
      responses: {
        200: ok('The webhooks.', object({ webhooks: list(webhook) })),
        ...problemResponses(401, 403, 429, 501, 503),
      },
    },
  },
  '/webhooks/{name}': {
    get: {
      operationId: 'webhook',
      tags: ['events'],
      summary: 'One webhook, and how it goes',
      description: FOR_ADMINISTRATORS,
      parameters: [name],
      security: KEY_NEEDED,
      responses: {
        200: ok('The webhook.', webhook),
        ...problemResponses(401, 403, 404, 429, 501, 503),
      },
    },
    put: {
      operationId: 'setWebhook',
      tags: ['events'],
      summary: 'Makes a webhook, or changes and resumes it',
      description: `${FOR_ADMINISTRATORS} Each event is posted as a CloudEvent (structured mode), signed as Standard Webhooks says, in the order of the ledger and at least once; the endpoint answers 2xx within ten seconds.`,
      parameters: [name],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: SETTINGS,
            example: {
              url: 'https://erp.example.com/fuqi',
              types: ['invoice.issued', 'invoice.reversed'],
            },
          },
        },
      },
      security: KEY_NEEDED,
      responses: {
        200: ok('The webhook as it is now.', webhook),
        201: ok('The new webhook, with its secret.', {
          allOf: [webhook, object({ secret: SECRET })],
        }),
        ...problemResponses(400, 401, 403, 413, 415, 422, 429, 501, 503),
      },
    },
    delete: {
      operationId: 'deleteWebhook',
      tags: ['events'],
      summary: 'Sends nothing any more, and forgets the dead letters',
      description: FOR_ADMINISTRATORS,
      parameters: [name],
      security: KEY_NEEDED,
      responses: {
        204: { description: 'It is gone.' },
        ...problemResponses(401, 403, 404, 429, 501, 503),
      },
    },
  },
  '/webhooks/{name}/secret': {
    post: {
      operationId: 'renewWebhookSecret',
      tags: ['events'],
      summary: 'Another secret; for a day the old one signs, too',
      description: FOR_ADMINISTRATORS,
      parameters: [name],
      security: KEY_NEEDED,
      responses: {
        200: ok('The secret.', object({ secret: SECRET })),
        ...problemResponses(401, 403, 404, 429, 501, 503),
      },
    },
  },
  '/webhooks/{name}/dead-letters': {
    get: {
      operationId: 'deadLetters',
      tags: ['events'],
      summary: 'Events that a webhook’s endpoint refused',
      description: FOR_ADMINISTRATORS,
      parameters: [
        name,
        query('after', 'those after this one: `next` of the page before', text),
        query('limit', '1 to 100', { type: 'integer', minimum: 1, maximum: 100, default: 50 }),
      ],
      security: KEY_NEEDED,
      responses: {
        200: ok(
          'A page.',
          object({
            deadLetters: list(reference('DeadLetter')),
            next: { type: ['string', 'null'] },
          }),
        ),
        ...problemResponses(400, 401, 403, 404, 429, 501, 503),
      },
    },
  },
  '/webhooks/{name}/dead-letters/{cursor}': {
    post: {
      operationId: 'redeliver',
      tags: ['events'],
      summary: 'Sends a dead letter again, now',
      description: FOR_ADMINISTRATORS,
      parameters: [name, path('cursor', text, '12.0.0')],
      security: KEY_NEEDED,
      responses: {
        200: ok('The endpoint took it.', object({ cursor: text, delivered: { const: true } })),
        ...problemResponses(401, 403, 404, 429, 501, 502, 503),
      },
    },
  },
};
