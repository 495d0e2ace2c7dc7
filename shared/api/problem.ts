/**
 * Problem documents (RFC 9457): the one form in which the API refuses. A closed table says what each
 * code means over HTTP; the meaning for callers is in docs/http.md.
 * Must not carry inner details of a fault, nor anything secret.
 */
import type { Value } from '../bytes/cbor.ts';
import type { Limit, Rejection, RejectionCode } from '../ledger/rejection.ts';

/** Codes that only HTTP knows; the others are the ledger's own. */
type HttpCode =
  | 'bad-request'
  | 'unauthorized'
  | 'token-malformed'
  | 'token-issuer'
  | 'token-audience'
  | 'token-algorithm'
  | 'token-key'
  | 'token-signature'
  | 'token-expired'
  | 'token-not-yet-valid'
  | 'token-identity'
  | 'issuer-unavailable'
  | 'not-found'
  | 'method-not-allowed'
  | 'unsupported-media-type'
  | 'payload-too-large'
  | 'request-timeout'
  | 'misdirected'
  | 'wrong-consortium'
  | 'unknown-version'
  | 'rate-limited'
  | 'quota-exceeded'
  | 'unavailable'
  | 'store-unwritable'
  | 'store-damaged'
  | 'bad-gateway'
  | 'webhook-refused'
  | 'too-many-uploads'
  | 'upload-incomplete'
  | 'upload-mismatch'
  | 'range-needed'
  | 'range-not-satisfiable'
  | 'gateway-timeout'
  | 'internal';

export type ProblemCode = RejectionCode | HttpCode;

/**
 * What a caller may do next: send the very same again (`same`), make a new transaction (`new`: another
 * nonce, time, signature or argument), or nothing as things stand (`none`).
 */
export type Retry = 'none' | 'same' | 'new';

interface Meaning {
  readonly status: number;
  readonly title: string;
  readonly retry: Retry;
}

/** The closed table: every code, its HTTP status, its title and whether to try again. */
export const PROBLEMS: Readonly<Record<ProblemCode, Meaning>> = {
  malformed: { status: 400, title: 'Not a transaction', retry: 'none' },
  'duplicate-field': { status: 400, title: 'Field stands twice', retry: 'new' },
  'invalid-text': { status: 400, title: 'Text is not Unicode', retry: 'new' },
  'inexact-number': { status: 400, title: 'Number loses digits', retry: 'new' },
  'nested-too-deep': { status: 400, title: 'Nested too deep', retry: 'new' },
  'too-large': { status: 413, title: 'Transaction too large', retry: 'none' },
  'unsupported-algorithm': { status: 400, title: 'Algorithm not supported', retry: 'new' },
  'wrong-ledger': { status: 422, title: 'Made for another ledger', retry: 'new' },
  expired: { status: 422, title: 'Transaction expired', retry: 'new' },
  late: { status: 409, title: 'Transaction may have been too late', retry: 'same' },
  'not-after-too-far': { status: 422, title: 'Valid for too long', retry: 'new' },
  'unknown-key': { status: 401, title: 'Signing key unknown', retry: 'none' },
  'bad-signature': { status: 401, title: 'Signature does not verify', retry: 'new' },
  duplicate: { status: 409, title: 'Already on the ledger', retry: 'none' },
  'mempool-full': { status: 429, title: 'Too many transactions wait', retry: 'same' },
  'no-vault': { status: 501, title: 'Node without a vault', retry: 'none' },
  'vault-moving': { status: 503, title: 'Vault on its way', retry: 'same' },
  'unknown-attachment': { status: 422, title: 'Attachment unknown', retry: 'new' },
  'reader-unavailable': { status: 503, title: 'Readers out of reach', retry: 'same' },
  'not-endorsed': { status: 422, title: 'Endorsement missing', retry: 'same' },
  'endorsement-refused': { status: 422, title: 'Endorsement refused', retry: 'new' },
  'endorser-unavailable': { status: 503, title: 'Endorsers out of reach', retry: 'same' },
  'not-granted': { status: 403, title: 'Not granted', retry: 'none' },
  'holder-unavailable': { status: 503, title: 'Holders out of reach', retry: 'same' },
  erased: { status: 410, title: 'Values erased', retry: 'none' },
  'not-retained': { status: 410, title: 'Not kept on this node', retry: 'none' },
  'key-revoked': { status: 403, title: 'Signing key revoked', retry: 'none' },
  'unknown-contract': { status: 404, title: 'No such contract', retry: 'none' },
  'unknown-method': { status: 404, title: 'No such method', retry: 'none' },
  'invalid-arguments': { status: 422, title: 'Arguments not valid', retry: 'new' },
  forbidden: { status: 403, title: 'Role missing', retry: 'none' },
  'contract-rejected': { status: 422, title: 'Refused by the contract', retry: 'new' },
  'contract-error': { status: 422, title: 'Contract failed', retry: 'none' },
  'limit-exceeded': { status: 422, title: 'Transaction does too much', retry: 'new' },
  'bad-request': { status: 400, title: 'Request not understood', retry: 'none' },
  unauthorized: { status: 401, title: 'API key needed', retry: 'none' },
  'token-malformed': { status: 401, title: 'Not a token', retry: 'none' },
  'token-issuer': { status: 401, title: 'Token of an unknown issuer', retry: 'none' },
  'token-audience': { status: 401, title: 'Token for another audience', retry: 'none' },
  'token-algorithm': { status: 401, title: 'Token’s algorithm not accepted', retry: 'none' },
  'token-key': { status: 401, title: 'Token’s key unknown', retry: 'none' },
  'token-signature': { status: 401, title: 'Token’s signature does not verify', retry: 'none' },
  'token-expired': { status: 401, title: 'Token expired', retry: 'new' },
  'token-not-yet-valid': { status: 401, title: 'Token not valid yet', retry: 'same' },
  'token-identity': { status: 403, title: 'Token without an identity', retry: 'none' },
  'issuer-unavailable': { status: 503, title: 'Issuer’s keys unavailable', retry: 'same' },
  'not-found': { status: 404, title: 'Not found', retry: 'none' },
  'method-not-allowed': { status: 405, title: 'Method not allowed', retry: 'none' },
  'unsupported-media-type': { status: 415, title: 'Media type not supported', retry: 'none' },
  'payload-too-large': { status: 413, title: 'Request body too large', retry: 'none' },
  'request-timeout': { status: 408, title: 'Request body did not come', retry: 'same' },
  'wrong-consortium': { status: 404, title: 'Another consortium', retry: 'none' },
  'unknown-version': { status: 404, title: 'No such version of the API', retry: 'none' },
  misdirected: { status: 421, title: 'Not the member’s node', retry: 'same' },
  'rate-limited': { status: 429, title: 'Too many requests', retry: 'same' },
  'quota-exceeded': { status: 429, title: 'Quota used up', retry: 'same' },
  unavailable: { status: 503, title: 'Node unavailable', retry: 'same' },
  'store-unwritable': { status: 503, title: 'Node’s store can’t be written', retry: 'same' },
  'store-damaged': { status: 500, title: 'Node’s store is damaged', retry: 'none' },
  'bad-gateway': { status: 502, title: 'Member node unreachable', retry: 'same' },
  'webhook-refused': { status: 502, title: 'Webhook’s endpoint refused', retry: 'same' },
  'too-many-uploads': { status: 429, title: 'Too many uploads under way', retry: 'same' },
  'upload-incomplete': { status: 409, title: 'Upload not complete', retry: 'same' },
  'upload-mismatch': { status: 422, title: 'Upload is another file', retry: 'new' },
  'range-needed': { status: 400, title: 'Too large for one answer', retry: 'new' },
  'range-not-satisfiable': { status: 416, title: 'Range outside of the file', retry: 'new' },
  'gateway-timeout': { status: 504, title: 'Member node too slow', retry: 'same' },
  internal: { status: 500, title: 'Internal error', retry: 'none' },
};

/** One field at fault: a place in the body (RFC 6901) or a parameter of the path, query or headers. */
export interface FieldError {
  readonly pointer?: string;
  readonly parameter?: string;
  readonly detail: string;
}

/** What a problem may say besides its code and detail. */
export interface ProblemMembers {
  /** Where it is another than that of the code. */
  readonly type?: string;
  readonly reason?: string;
  readonly pointer?: string;
  readonly got?: Value;
  readonly expected?: Value;
  readonly errors?: readonly FieldError[];
  readonly retry?: Retry;
  /** A transaction that was refused in a block: where, and its result as recorded. */
  readonly id?: string;
  readonly height?: number;
  readonly index?: number;
  readonly time?: string;
  readonly result?: unknown;
  /** Which limit was reached, and when it frees (RFC 3339; null where only a higher one helps). */
  readonly limit?: {
    readonly name: string;
    readonly value: number;
    readonly freesAt: string | null;
  };
  /** Names the lines of the logs; `instance` is a URI of the same. */
  readonly requestId?: string;
  readonly instance?: string;
}

export interface ProblemDocument extends ProblemMembers {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
  readonly retry: Retry;
}

export const PROBLEM_TYPE = 'application/problem+json';

const TYPES = 'https://fuqi.dev/problems/';

/** Builds the document; `detail` is a sentence that says what was found and what to do. */
export function problemDocument(
  code: ProblemCode,
  detail: string,
  members: ProblemMembers = {},
  status = PROBLEMS[code].status,
): ProblemDocument {
  const { title, retry } = PROBLEMS[code];
  return {
    type: `${TYPES}${code}`,
    title,
    status,
    code,
    detail,
    retry,
    ...members,
    ...(members.got === undefined ? {} : { got: shortened(members.got) }),
  };
}

/** The ledger's refusal as a problem document. `status` overrides the table's. */
export function rejectionDocument(
  rejection: Rejection,
  members: ProblemMembers = {},
  status?: number,
): ProblemDocument {
  const { code, message, issues, limit, ...rest } = rejection;
  // A contract's own reasons are problem types of their own.
  const type = rest.reason === undefined ? {} : { type: `${TYPES}${code}/${rest.reason}` };
  const errors = issues?.map(({ pointer, message: detail }) => ({ pointer, detail }));
  return problemDocument(
    code,
    message,
    {
      ...rest,
      ...type,
      ...(errors === undefined ? {} : { errors }),
      ...(limit && { limit: limitMember(limit) }),
      ...members,
    },
    status,
  );
}

const limitMember = ({ name, value, freesAt }: Limit) => ({
  name,
  value,
  freesAt: new Date(freesAt).toISOString(),
});

/** A document as a response. */
export function problemResponse(
  document: ProblemDocument,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const standard: Record<string, string> = { 'content-type': PROBLEM_TYPE };
  if (document.status === 401) standard['www-authenticate'] = 'Bearer realm="fuqi"';
  if (document.status === 503 || document.status === 502) standard['retry-after'] = '1';
  return Response.json(document, {
    status: document.status,
    headers: { 'cache-control': 'no-store', ...standard, ...headers },
  });
}

/** A problem in one call, for handlers. */
export const problem = (
  code: ProblemCode,
  detail: string,
  members: ProblemMembers = {},
  headers: Readonly<Record<string, string>> = {},
): Response => problemResponse(problemDocument(code, detail, members), headers);

/** The refusal of a path that no call has, or whose version of the API there is none of. */
export function noSuchPath(path: string): Response {
  const version = /^\/(v[0-9]+)\//.exec(path)?.[1];
  if (version === undefined || version === API_VERSION) {
    return problem(
      'not-found',
      'No call has this path; GET /docs describes them all, GET /openapi.json lists them.',
    );
  }
  return problem('unknown-version', 'There is no such version of the API.', {
    got: version,
    expected: API_VERSION,
  });
}

const API_VERSION = 'v1';
const GOT_CHARACTERS_MAX = 200;

/** What a caller sent is shown to it again in short, so that an answer is never as large as the request. */
function shortened(value: Value): Value {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  if (text.length <= GOT_CHARACTERS_MAX) return value;
  return `${text.slice(0, GOT_CHARACTERS_MAX).toWellFormed()}… (${text.length} characters)`;
}
