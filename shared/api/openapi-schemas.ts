/**
 * The schemas and responses that the OpenAPI document's operations share.
 */
import { z } from 'zod';
import type { JsonSchema } from './arguments.ts';
import { PROBLEM_TYPE, PROBLEMS, type ProblemCode, problemDocument } from './problem.ts';
import { TokenIssuerSchema } from './token-issuer.ts';

const text: JsonSchema = { type: 'string' };
const natural: JsonSchema = { type: 'integer', minimum: 0 };
const time: JsonSchema = { type: 'string', format: 'date-time' };

/** 64 lowercase hex digits. */
export const digest: JsonSchema = { type: 'string', pattern: '^[0-9a-f]{64}$' };

/** An object whose listed properties are all there unless their name ends in `?`. */
export function object(properties: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const entries = Object.entries(properties);
  return {
    type: 'object',
    properties: Object.fromEntries(
      entries.map(([name, schema]) => [name.replace('?', ''), schema]),
    ),
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
  };
}

export const list = (items: JsonSchema): JsonSchema => ({ type: 'array', items });

/** A reference to a component. */
export const reference = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` });

const anything: JsonSchema = { description: 'any JSON value' };

/** A committed result whose output is of a known kind. */
export const committed = (output: JsonSchema): JsonSchema =>
  object({
    id: digest,
    status: { const: 'committed' },
    height: natural,
    index: { ...natural, description: 'place in the block' },
    time: { ...time, description: 'block time' },
    output,
    events: list(object({ type: text, data: anything })),
  });

const { $schema: _, ...issuer } = z.toJSONSchema(TokenIssuerSchema, { io: 'input' }) as JsonSchema;

const day: JsonSchema = { type: 'string', format: 'date' };
const USED = {
  committed: natural,
  refused: natural,
  bytes: natural,
  requests: natural,
  reads: natural,
  transactions: natural,
  bytesIn: natural,
};

const fieldError = object({ 'pointer?': text, 'parameter?': text, detail: text });

export const SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  Problem: {
    ...object({
      type: { type: 'string', format: 'uri' },
      title: text,
      status: { type: 'integer' },
      code: { enum: Object.keys(PROBLEMS) },
      detail: { ...text, description: 'what was found and what to do' },
      retry: {
        enum: ['none', 'same', 'new'],
        description: 'send the same again, make a new transaction, or neither',
      },
      'reason?': { ...text, description: 'the contract’s own reason' },
      'pointer?': { ...text, description: 'JSON pointer of the field at fault' },
      'got?': anything,
      'expected?': anything,
      'errors?': list(fieldError),
      'id?': { ...digest, description: 'of the transaction that a block refused' },
      'height?': natural,
      'index?': natural,
      'time?': time,
      'result?': anything,
      'limit?': {
        ...object({
          name: {
            enum: [
              ...['requestsPerSecond', 'transactionsPerDay', 'storedBytes'],
              ...['memberTransactionsWaiting', 'memberBytesWaiting'],
              ...['keyTransactionsWaiting', 'keyBytesWaiting'],
            ],
          },
          value: { type: 'number' },
          freesAt: { type: ['string', 'null'], format: 'date-time' },
        }),
        description: 'the limit that was reached, and when it frees',
      },
      'requestId?': { ...text, description: 'under which logs speak of the request' },
      'instance?': { type: 'string', format: 'uri', description: 'the same as a URI' },
    }),
    description: 'RFC 9457',
  },
  Pending: object({ id: digest, status: { const: 'pending' } }),
  TransactionStatus: {
    oneOf: [
      committed(anything),
      object({
        id: digest,
        status: { const: 'rejected' },
        height: natural,
        index: natural,
        time,
        rejection: object({ code: text, message: text, 'reason?': text, 'pointer?': text }),
      }),
      object({ id: digest, status: { enum: ['pending', 'expired'] } }),
    ],
  },
  Jws: {
    ...object({ payload: text, signatures: list(object({ protected: text, signature: text })) }),
    description:
      'General JSON serialisation (RFC 7515 §7.2.1). The payload is {ledger, contract, method, args, nonce, notAfter}; each protected header {"alg": "ES256", "typ": "fuqi-tx+jws", "kid": JWK thumbprint}.',
  },
  BatchLine: {
    ...object({
      line: natural,
      'id?': digest,
      status: {
        enum: ['committed', 'rejected', 'pending', 'expired', 'not-retained', 'refused'],
      },
      'height?': natural,
      'index?': natural,
      'time?': time,
      'output?': anything,
      'problem?': reference('Problem'),
    }),
    description: 'One line of the answer; `problem` stands where the line did not succeed.',
  },
  Receipt: {
    ...object({
      format: { const: 'fuqi-receipt-1' },
      ledger: digest,
      transaction: { type: 'object' },
      result: { type: 'object' },
      anchor: { type: 'object' },
    }),
    description: 'Self-contained proof; every byte is described in docs/protocol.md.',
  },
  EvidenceProof: {
    ...object({
      format: { const: 'fuqi-evidence-1' },
      ledger: digest,
      evidence: { type: 'object' },
      genesis: { type: 'object' },
      handovers: list({ type: 'object' }),
    }),
    description: 'Self-contained proof; every byte is described in docs/protocol.md.',
  },
  Join: {
    ...object({
      invitation: object({
        id: digest,
        member: text,
        status: { enum: ['open', 'accepted', 'revoked'] },
        joined: { type: 'boolean' },
        enrolled: { type: 'boolean' },
        votesItself: { type: 'boolean' },
      }),
      consortium: text,
      ledger: digest,
      genesis: { type: 'object' },
    }),
    description: 'The invitation as `GET …/invitations/{id}` shows it, and what its ledger is.',
  },
  Block: object({
    id: digest,
    height: natural,
    time,
    author: text,
    transactionCount: { type: ['integer', 'null'] },
    header: { type: 'object', description: 'as it is hashed' },
    transactions: {
      type: ['array', 'null'],
      items: digest,
      description: 'null where this node keeps the header only',
    },
  }),
  StateValue: object({
    key: text,
    height: natural,
    present: { type: 'boolean' },
    value: anything,
    'proof?': { type: 'object', description: 'of presence or absence' },
  }),
  CloudEvent: {
    ...object({
      specversion: { const: '1.0' },
      id: digest,
      source: text,
      type: text,
      subject: { ...digest, description: 'the transaction' },
      time,
      datacontenttype: { const: 'application/json' },
      cursor: text,
      height: natural,
      data: anything,
    }),
    description: 'CloudEvents 1.0 with the extensions cursor and height.',
  },
  Consortium: object({
    consortium: text,
    ledger: digest,
    visibility: { enum: ['public', 'consortium', 'private'] },
    members: list(
      object({
        id: text,
        name: text,
        hosting: text,
        validator: { type: 'boolean' },
        roles: list(text),
        offences: {
          ...natural,
          description: 'proven double signings by its node; GET …/evidence lists them',
        },
      }),
    ),
    validators: list(text),
    epoch: natural,
    parameters: { type: 'object' },
    contracts: list(object({ name: text, version: natural, summary: text })),
    head: object({ height: natural, id: digest, time }),
    servedBy: text,
  }),
  Usage: object({
    member: text,
    from: day,
    to: day,
    days: list(object({ day, ...USED, 'storedBytes?': natural })),
    total: object(USED),
    storeBytes: { ...natural, description: 'of the node’s whole store, as far as its host knows' },
    ledger: object({ countedTo: natural, head: natural, complete: { type: 'boolean' } }),
  }),
  Vault: object({
    key: {
      type: ['object', 'null'],
      description: 'to which others encrypt, once it is the identity `vault`’s: a P-256 JWK',
    },
    moving: {
      type: 'boolean',
      description: 'whether it is with another node of this member, or comes from there',
    },
    records: list(
      object({
        transaction: { type: 'string' },
        contract: { type: 'string' },
        method: { type: 'string' },
        owner: { type: 'string' },
        fields: list({ type: 'string' }),
        'attachments?': object({ named: natural, here: natural }),
      }),
    ),
    next: { type: ['string', 'null'] },
  }),
  Issuers: object({ issuers: list(issuer) }),
  Webhook: object({
    name: text,
    url: text,
    types: { type: ['array', 'null'], items: text },
    where: { type: ['object', 'null'], additionalProperties: text },
    shown: { type: 'boolean' },
    status: { enum: ['active', 'retrying', 'paused'] },
    reason: {
      type: ['string', 'null'],
      description: 'why nothing is sent, or the last attempt failed',
    },
    cursor: { ...text, description: 'events up to here were taken, refused or left out' },
    failures: { ...natural, description: 'attempts since an event was taken' },
    retryAt: { type: ['string', 'null'], format: 'date-time' },
    lastDeliveredAt: { type: ['string', 'null'], format: 'date-time' },
    deadLetters: natural,
  }),
  DeadLetter: object({ cursor: text, reason: text, at: time, event: reference('CloudEvent') }),
  Consensus: object({
    member: text,
    state: { enum: ['committing', 'idle', 'waiting', 'recovering', 'unable-to-sign'] },
    epoch: natural,
    round: natural,
    leader: text,
    height: natural,
    headId: digest,
    headTime: time,
    retained: {
      ...object({ state: natural, bodies: natural }),
      description:
        'lowest heights kept: of headers and state, and of transactions, results and events',
    },
    pending: natural,
    heights: {
      ...list(
        object({
          member: text,
          validator: { type: 'boolean' },
          height: { type: ['integer', 'null'] },
          lag: { type: ['integer', 'null'] },
        }),
      ),
      description: 'the other members as last heard of, and how many blocks each is behind',
    },
    missing: { ...list(text), description: 'members that did not answer when last asked' },
  }),
  Health: object({
    status: { enum: ['ok', 'degraded', 'down'] },
    consortium: text,
    height: { type: ['integer', 'null'] },
    nodes: list(
      object({
        member: text,
        status: { enum: ['ok', 'store-unwritable', 'store-damaged', 'down'] },
        'reason?': {
          ...text,
          description: 'why the node’s store can’t be written, or what is damaged in it',
        },
        'height?': natural,
        'lag?': { ...natural, description: 'blocks behind the highest head' },
      }),
    ),
  }),
};

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Not understood, malformed',
  401: 'API key or signing key missing or wrong',
  403: 'Role missing, key revoked',
  404: 'Not found',
  405: 'Method not allowed',
  410: 'Not kept on this node',
  409: 'Already on the ledger, or not complete',
  413: 'Too large',
  429: 'More than the tenant’s limit, or more transactions waiting than its share; Retry-After says when to come back, `limit` which and when it frees',
  415: 'Media type not supported',
  416: 'Outside of the file',
  422: 'Refused: by the arguments’ schema, or in a block (then with id, height and result)',
  501: 'The node has no vault',
  502: 'Somebody else’s server did not take it, or is out of reach',
  503: 'Node unavailable, its disk full, or its vault on the way to or from another node; Retry-After says when to come back',
};

/** The problem responses that operations refer to, by status, each with an example. */
export const RESPONSES: Readonly<Record<string, object>> = Object.fromEntries(
  Object.entries(STATUS_TEXT).map(([status, text]) => {
    const codes = (Object.keys(PROBLEMS) as ProblemCode[]).filter(
      (code) => PROBLEMS[code].status === Number(status),
    );
    const example = problemDocument(codes[0]!, 'What was found and what was expected.');
    return [
      status,
      {
        description: `${text}: ${codes.join(', ')}`,
        content: { [PROBLEM_TYPE]: { schema: reference('Problem'), example } },
      },
    ];
  }),
);

/** References to the problem responses with these statuses. */
export const problemResponses = (...statuses: readonly number[]): Record<string, object> =>
  Object.fromEntries(
    statuses.map((status) => [String(status), { $ref: `#/components/responses/${status}` }]),
  );
