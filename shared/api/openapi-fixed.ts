/**
 * The fixed routes in the OpenAPI document. `test/api/openapi.test.ts` holds it against the app.
 */
import { ATTACHMENT_PATHS } from './openapi-attachments.ts';
import { at, KEY_NEEDED, ok, type PathItem, path, prefer, query } from './openapi-parts.ts';
import { list, object, problemResponses, reference } from './openapi-schemas.ts';
import { TRANSACTION_PATHS } from './openapi-transactions.ts';
import { WEBHOOK_PATHS } from './openapi-webhooks.ts';

const ISSUERS_EXAMPLE = {
  issuers: [
    {
      issuer: 'https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Example',
      audience: '1example23456789',
      identities: [{ claim: 'cognito:groups', value: 'sellers', identity: 'seller' }],
    },
  ],
};

const VAULT_ROTATION = object({
  state: { enum: ['prepared', 'registered', 'done'] },
  keyId: { type: 'string', description: 'the thumbprint of the new key' },
  'again?': { type: 'string', format: 'date-time' },
});

/** Who may call `…/join`. */
const INVITATION =
  'For whoever holds an invitation: `Authorization: Bearer fuqi-invitation_…`, instead of an API key.';

/** Paths of every consortium, relative to `/v1/consortia/{c}`; and beside them the gateway's own. */
export const FIXED_PATHS: Readonly<Record<string, PathItem>> = {
  '': {
    get: {
      operationId: 'consortium',
      tags: ['ledger'],
      summary: 'Members, validators, epoch, parameters and head',
      responses: { 200: ok('The consortium.', reference('Consortium')) },
    },
  },
  '/genesis': {
    get: {
      operationId: 'genesis',
      tags: ['ledger'],
      summary: 'The genesis document, whose digest names the ledger',
      responses: { 200: ok('The document.', { type: 'object' }) },
    },
  },
  '/consensus': {
    get: {
      operationId: 'consensus',
      tags: ['ledger'],
      summary: 'Why a ledger waits: committing, idle, or short of whom',
      responses: { 200: ok('As this node sees it.', reference('Consensus')) },
    },
  },
  ...TRANSACTION_PATHS,
  ...ATTACHMENT_PATHS,
  '/blocks': {
    get: {
      operationId: 'blocks',
      tags: ['ledger'],
      summary: 'Final blocks, newest first',
      description:
        'The cursor pins the height that the first page began at. `next` is null at the end.',
      parameters: [
        query('limit', '1 to 100', { type: 'integer', minimum: 1, maximum: 100, default: 20 }),
        query('cursor', 'the `next` of an earlier page', { type: 'string' }),
      ],
      responses: {
        200: ok(
          'A page.',
          object({ blocks: list(reference('Block')), next: { type: ['string', 'null'] } }),
        ),
        ...problemResponses(400, 503),
      },
    },
  },
  '/blocks/{height}': {
    get: {
      operationId: 'block',
      tags: ['ledger'],
      summary: 'A final block by its height, or `head`',
      parameters: [path('height', { type: 'string', pattern: '^([0-9]+|head)$' }, 'head')],
      responses: { 200: ok('The block.', reference('Block')), ...problemResponses(400, 404, 410) },
    },
  },
  '/state/{contract}/{record}/{key}': {
    get: {
      operationId: 'state',
      tags: ['ledger'],
      summary: 'A state value, now or at a height, with a proof of presence or absence',
      description:
        'A slash in the key is %2F or a slash. Absence is an answer: `present` is false.',
      parameters: [
        path('contract', { type: 'string' }, 'governance'),
        path('record', { type: 'string' }, 'parameters'),
        path('key', { type: 'string' }, 'current'),
        at,
        query('proof', 'true: with a proof', { type: 'string', enum: ['true', 'false'] }),
      ],
      responses: {
        200: ok('The value.', reference('StateValue')),
        ...problemResponses(400, 404, 410),
      },
    },
  },
  '/evidence/{id}/proof': {
    get: {
      operationId: 'evidenceProof',
      tags: ['ledger'],
      summary: 'Evidence of double signing: a proof that `fuqi verify` checks offline',
      parameters: [path('id', { type: 'string' }, 'bank.0000000000000001.0000000000000017.vote')],
      responses: {
        200: ok('The proof.', reference('EvidenceProof')),
        ...problemResponses(404),
      },
    },
  },
  '/join': {
    get: {
      operationId: 'joinProgress',
      tags: ['ledger'],
      summary: 'How far an invited member has come, with the genesis document',
      description: INVITATION,
      responses: { 200: ok('Its progress.', reference('Join')), ...problemResponses(401) },
      security: [{ apiKey: [] }],
    },
    post: {
      operationId: 'joinStep',
      tags: ['ledger'],
      summary: 'Accepts an invitation, or takes the next step of a member to be',
      description: `${INVITATION} The first time the body is {"member": …}: id, name, hosting, public keys and first identities; the members vote on that. Afterwards the body is empty, and asking again is harmless.`,
      parameters: [prefer('25 seconds')],
      requestBody: {
        required: false,
        content: { 'application/json': { schema: { type: 'object' } } },
      },
      responses: {
        200: ok('Its progress then.', reference('Join')),
        ...problemResponses(400, 401, 403, 422),
      },
      security: [{ apiKey: [] }],
    },
    delete: {
      operationId: 'joinWithdraw',
      tags: ['ledger'],
      summary: 'The member to be changed its mind',
      description: INVITATION,
      responses: { 200: ok('Its progress then.', reference('Join')), ...problemResponses(401) },
      security: [{ apiKey: [] }],
    },
  },
  '/usage': {
    get: {
      operationId: 'usage',
      tags: ['account'],
      summary: 'What the member used, by days (UTC)',
      description:
        'For administrators of the member whose node answers. `committed`, `refused`, `bytes` and `storedBytes` are counted on the ledger, by block time, wherever the transactions were sent; `requests`, `reads`, `transactions` and `bytesIn` are what this node served. Where `ledger.complete` is false the count goes on with the next call.',
      parameters: [
        query('from', 'first day; 29 days before `to` unless told', {
          type: 'string',
          format: 'date',
        }),
        query('to', 'last day; today unless told', { type: 'string', format: 'date' }),
      ],
      security: KEY_NEEDED,
      responses: {
        200: ok('The usage.', reference('Usage')),
        ...problemResponses(400, 401, 403, 429),
      },
    },
  },
  '/export': {
    get: {
      operationId: 'export',
      tags: ['account'],
      summary: 'The member’s own transactions with their receipts',
      description:
        'For administrators of the member whose node answers; from the ledger’s start, in order. A page may be empty before the head is reached; `complete` says that it is. A later call goes on from `next`.',
      parameters: [
        query('limit', 'how many, 50 unless told', { type: 'integer', minimum: 1, maximum: 100 }),
        query('cursor', 'the `next` of an earlier page', { type: 'string' }),
      ],
      security: KEY_NEEDED,
      responses: {
        200: ok(
          'A page.',
          object({
            member: { type: 'string' },
            receipts: list(reference('Receipt')),
            next: { type: 'string' },
            complete: { type: 'boolean' },
          }),
        ),
        ...problemResponses(400, 401, 403, 410, 429),
      },
    },
  },
  '/vault': {
    get: {
      operationId: 'vault',
      tags: ['account'],
      summary: 'Which confidential fields this member’s vault holds',
      description:
        'For administrators of the member whose node answers: transactions in the order of their ids, who signed each, and the names of the fields. No value is shown; `…/transactions/{id}/values` has them.',
      parameters: [
        query('after', 'transactions after this one: `next` of the page before', {
          type: 'string',
        }),
        query('limit', '1 to 200', { type: 'integer', minimum: 1, maximum: 200, default: 50 }),
      ],
      security: KEY_NEEDED,
      responses: {
        200: ok('A page.', reference('Vault')),
        ...problemResponses(400, 401, 403, 429),
      },
    },
  },
  '/vault/rotation': {
    post: {
      operationId: 'rotateVault',
      tags: ['account'],
      summary: 'Gives this member’s vault another key, step by step',
      description:
        'For administrators of the member whose node answers, where it is hosted (a node on a machine of its own: `fuqi node rotate-key --vault`). Each call goes as far as it can; ask again from `again` on until the state is `done`. What rests and what comes meanwhile is read and kept as before.',
      security: KEY_NEEDED,
      responses: {
        200: ok('It is done.', VAULT_ROTATION),
        202: ok('How far it is: `prepared` or `registered`.', VAULT_ROTATION),
        ...problemResponses(401, 403, 422, 429, 501, 503),
      },
    },
  },
  '/issuers': {
    get: {
      operationId: 'issuers',
      tags: ['account'],
      summary: 'Issuers whose tokens this member accepts',
      description: 'For administrators of the member whose node answers.',
      security: KEY_NEEDED,
      responses: {
        200: ok('The issuers.', reference('Issuers')),
        ...problemResponses(401, 403, 429),
      },
    },
    put: {
      operationId: 'setIssuers',
      tags: ['account'],
      summary: 'Accepts tokens of these issuers and of no others',
      description:
        'For administrators of the member, from the next request on. A process’s node has them in its configuration and answers 405.',
      requestBody: {
        required: true,
        content: { 'application/json': { schema: reference('Issuers'), example: ISSUERS_EXAMPLE } },
      },
      security: KEY_NEEDED,
      responses: {
        200: ok('The issuers as they are now.', reference('Issuers')),
        ...problemResponses(400, 401, 403, 405, 413, 415, 429),
      },
    },
  },
  ...WEBHOOK_PATHS,
  '/events': {
    get: {
      operationId: 'events',
      tags: ['events'],
      summary: 'The ledger’s events in order, as pages or as a stream',
      description:
        'CloudEvents 1.0. `Link: rel="next"` goes on after the last event that was looked at; an empty page means the end for now, and the same link works later. With `Accept: text/event-stream` server-sent events: each exactly once and in order, resumed by `Last-Event-ID`.',
      parameters: [
        query('cursor', 'events after this one: its `cursor`', { type: 'string' }),
        query('from', 'from this height on, or `head`: only new ones', { type: 'string' }),
        query('type', 'only these types, separated by commas', { type: 'string' }),
        query(
          'where',
          'only those whose `data` has exactly these texts: JSON, five fields at the most',
          {
            type: 'string',
          },
        ),
        query(
          'shown',
          'only those of transactions that hide nothing, or whose values the caller is shown: by the node of its member, with its key',
          { type: 'boolean', default: false },
        ),
        query('limit', '1 to 1000', { type: 'integer', minimum: 1, maximum: 1000, default: 100 }),
        {
          name: 'Last-Event-ID',
          in: 'header',
          description: 'resumes a stream',
          schema: { type: 'string' },
        },
      ],
      responses: {
        200: {
          description: 'Events in order.',
          headers: { Link: { schema: { type: 'string' } } },
          content: {
            'application/cloudevents-batch+json': { schema: list(reference('CloudEvent')) },
            'text/event-stream': { schema: { type: 'string' } },
          },
        },
        ...problemResponses(400, 401, 403, 410, 503),
      },
    },
  },
};

export const HEALTH: PathItem = {
  get: {
    operationId: 'health',
    tags: ['ledger'],
    summary: 'Liveness, the head of each node and its lag',
    security: [],
    responses: {
      200: ok('At least one node answers.', reference('Health')),
      503: ok('No node answers.', reference('Health')),
    },
  },
};
