/**
 * A transaction: a JWS over {ledger, contract, method, args, nonce, notAfter}. What was signed is
 * kept byte for byte. The id covers the caller's signing input and no signature, because ECDSA
 * signatures are malleable and differ each time.
 */
import { decodeCbor, encodeCbor, type Value } from '../bytes/cbor.ts';
import type { PublicJwk } from '../bytes/crypto.ts';
import { type Digest, isDigest, taggedDigest } from '../bytes/digest.ts';
import {
  type Jws,
  type JwsSignature,
  parseCompactJws,
  parseJsonJws,
  readJsonPart,
  signingInput,
} from '../bytes/jws.ts';
import { type JsonFault, parseStrictJson } from '../bytes/strict-json.ts';
import { toBase64Url, utf8 } from '../bytes/text.ts';
import { BATCH_ALGORITHM } from './batch-signature.ts';
import { LIMITS } from './limits.ts';
import { Rejected, rejected } from './rejection.ts';
import { JSON_FAULTS } from './strict-body.ts';

/** What a caller signs. */
export interface TransactionBody {
  readonly ledger: Digest;
  readonly contract: string;
  readonly method: string;
  readonly args: { readonly [key: string]: Value };
  /** Makes two equal calls two transactions; 1 to 64 characters. */
  readonly nonce: string;
  /** Block time, milliseconds since 1970, after which it can't be committed any more. */
  readonly notAfter: number;
}

/** A parsed transaction. `signatures[0]` is the caller's; the others are endorsements. */
export interface Transaction extends Jws {
  readonly id: Digest;
  readonly body: TransactionBody;
  /** The key id (JWK thumbprint) of each signature, in order. */
  readonly keyIds: readonly string[];
  /** How each signature is made, in order. */
  readonly algorithms: readonly SignatureAlgorithm[];
  /** The encoding that stands in a block: CBOR [payload, [[protected, signature], …]]. */
  readonly bytes: Uint8Array;
  /** What was found out about it since. */
  readonly memo: TransactionMemo;
}

/**
 * What need not be found out twice about one transaction object, whose bytes never change; it is no part of
 * what the transaction says. Beside it, because a weak map costs the collector more than what it saves.
 */
export interface TransactionMemo {
  /** The keys against which its signatures were found good, by index. */
  checkedWith?: (PublicJwk | undefined)[];
  /** Its arguments as a method's schema reads them. */
  input?: { readonly definition: object; readonly parsed: unknown };
}

/** ES256 over the signing input (RFC 7518 §3.4), or over the root of a tree in which it stands. */
export type SignatureAlgorithm = 'ES256' | typeof BATCH_ALGORITHM;

const NAME = /^[a-z][a-z0-9-]{0,62}$/;
const METHOD = /^[a-z][A-Za-z0-9]{0,62}$/;
const KEY_ID = /^[A-Za-z0-9_-]{43}$/;
const BODY_FIELDS = ['ledger', 'contract', 'method', 'args', 'nonce', 'notAfter'];

/** The value of the JWS `typ` header of a transaction: no other signed text can pass for one. */
export const TRANSACTION_TYPE = 'fuqi-tx+jws';

/** A transaction before it is signed: its signing input (RFC 7515 §5.1) and its id. */
export interface Draft {
  readonly input: string;
  readonly id: Digest;
}

/** Drafts a transaction of a key: what is to be signed, and the id that it will have. */
export function draftTransaction(
  keyId: string,
  body: TransactionBody,
  alg: SignatureAlgorithm = 'ES256',
): Draft {
  const header = { alg, typ: TRANSACTION_TYPE, kid: keyId };
  const part = (value: object): string => toBase64Url(utf8(JSON.stringify(value)));
  const input = `${part(header)}.${part(body)}`;
  return { input, id: taggedDigest('fuqi/v1/transaction', utf8(input)) };
}

/** The compact JWS of a draft with its signature: 64 bytes r‖s, or a batch signature. */
export const signedDraft = (input: string, signature: Uint8Array): string =>
  `${input}.${toBase64Url(signature)}`;

/** Parses the text of a request: a compact JWS, or a general or flattened JSON one. */
export function parseTransaction(text: string): Transaction | Rejected {
  const trimmed = text.trim();
  if (trimmed.length > LIMITS.transactionBytesMax * 2) return tooLarge(trimmed.length);
  if (!trimmed.startsWith('{')) return fromJws(parseCompactJws(trimmed));
  const parsed = parseStrictJson(trimmed);
  if ('fault' in parsed) return faulty(parsed, '', 'a body that is not JSON');
  return fromJws(parseJsonJws(parsed.value));
}

/** Decodes the form that stands in a block. */
export function decodeTransaction(bytes: Uint8Array): Transaction | Rejected {
  if (bytes.length > LIMITS.transactionBytesMax) return tooLarge(bytes.length);
  try {
    const [payload, list, ...rest] = decodeCbor(bytes) as [string, [string, Uint8Array][]];
    if (rest.length > 0 || typeof payload !== 'string') return malformed('', 'another structure');
    const signatures: JwsSignature[] = list.map(([head, signature, ...more]) => {
      if (more.length > 0 || typeof head !== 'string' || !(signature instanceof Uint8Array)) {
        throw new Error('signature entry');
      }
      return { protected: head, signature };
    });
    return fromJws({ payload, signatures }, bytes);
  } catch {
    return malformed('', 'bytes that are not an encoded transaction');
  }
}

/** The general JSON serialisation (RFC 7515 §7.2.1), as receipts and the API show it. */
export function transactionToJson(jws: Jws): {
  payload: string;
  signatures: { protected: string; signature: string }[];
} {
  return {
    payload: jws.payload,
    signatures: jws.signatures.map((entry) => ({
      protected: entry.protected,
      signature: toBase64Url(entry.signature),
    })),
  };
}

function fromJws(jws: Jws | undefined, encoded?: Uint8Array): Transaction | Rejected {
  if (!jws)
    return malformed('', 'a text that is no JWS (compact or general JSON, strict base64url)');
  if (jws.signatures.length === 0 || jws.signatures.length > LIMITS.signaturesMax) {
    return malformed('/signatures', `${jws.signatures.length} signatures`);
  }
  const keyIds: string[] = [];
  const algorithms: SignatureAlgorithm[] = [];
  for (const [index, entry] of jws.signatures.entries()) {
    const header = readHeader(entry, index);
    if (header instanceof Rejected) return header;
    const { keyId, algorithm } = header;
    if (keyIds.includes(keyId)) return malformed(`/signatures/${index}`, 'the same key twice');
    keyIds.push(keyId);
    algorithms.push(algorithm);
  }
  const body = readBody(jws.payload);
  if (body instanceof Rejected) return body;
  const bytes =
    encoded ??
    encodeCbor([jws.payload, jws.signatures.map((entry) => [entry.protected, entry.signature])]);
  if (bytes.length > LIMITS.transactionBytesMax) return tooLarge(bytes.length);
  return {
    ...jws,
    id: taggedDigest('fuqi/v1/transaction', signingInput(jws, 0)),
    body,
    keyIds,
    algorithms,
    bytes,
    memo: {},
  };
}

interface Header {
  readonly keyId: string;
  readonly algorithm: SignatureAlgorithm;
}

// Every transaction of a key has the same one.
const headers = new Map<string, Header>();
const HEADERS_MAX = 10_000;
const HEADER_LENGTH_MAX = 256;

function readHeader(entry: JwsSignature, index: number): Header | Rejected {
  const { protected: text } = entry;
  const known = headers.get(text);
  if (known) return known;
  const header = parseHeader(text, index);
  if (header instanceof Rejected || text.length > HEADER_LENGTH_MAX) return header;
  if (headers.size >= HEADERS_MAX) headers.clear();
  headers.set(text, header);
  return header;
}

function parseHeader(text: string, index: number): Header | Rejected {
  const at = `/signatures/${index}/protected`;
  const read = readJsonPart(text);
  if ('fault' in read) return faulty(read, at, 'a protected header that is not base64url JSON');
  const header = read.value;
  const { alg: algorithm } = header;
  if (algorithm !== 'ES256' && algorithm !== BATCH_ALGORITHM) {
    return rejected('unsupported-algorithm', 'Sign with ES256.', {
      pointer: `${at}/alg`,
      got: typeof algorithm === 'string' ? algorithm : null,
      expected: 'ES256',
    });
  }
  if (header.typ !== TRANSACTION_TYPE) return malformed(`${at}/typ`, `not "${TRANSACTION_TYPE}"`);
  if ('crit' in header || 'b64' in header) return malformed(at, 'extensions (crit, b64)');
  const keyId = header.kid;
  if (typeof keyId !== 'string' || !KEY_ID.test(keyId)) {
    return malformed(`${at}/kid`, 'no JWK SHA-256 thumbprint');
  }
  return { keyId, algorithm };
}

function readBody(payload: string): TransactionBody | Rejected {
  // The payload itself, and its arguments with what they hold.
  const read = readJsonPart(payload, LIMITS.nestingMax + 1);
  if ('fault' in read) return faulty(read, '/payload', 'a payload that is not base64url JSON');
  const body = read.value;
  for (const field of Object.keys(body)) {
    if (!BODY_FIELDS.includes(field)) return malformed('/payload', `an unknown field "${field}"`);
  }
  const { ledger, contract, method, args, nonce, notAfter } = body;
  if (typeof ledger !== 'string' || !isDigest(ledger)) {
    return malformed('/payload/ledger', 'no ledger id (64 hex digits)');
  }
  if (typeof contract !== 'string' || !NAME.test(contract)) {
    return malformed('/payload/contract', 'no contract name');
  }
  if (typeof method !== 'string' || !METHOD.test(method)) {
    return malformed('/payload/method', 'no method name');
  }
  if (typeof args !== 'object' || args === null || Array.isArray(args)) {
    return malformed('/payload/args', 'no object');
  }
  if (typeof nonce !== 'string' || nonce.length < 1 || nonce.length > 64) {
    return malformed('/payload/nonce', 'no text of 1 to 64 characters');
  }
  if (!Number.isSafeInteger(notAfter) || (notAfter as number) < 0) {
    return malformed('/payload/notAfter', 'no time in milliseconds');
  }
  return {
    ledger,
    contract,
    method,
    args: args as { readonly [key: string]: Value },
    nonce,
    notAfter: notAfter as number,
  };
}

/** The refusal of JSON with a fault, found at a place. */
function faulty(
  { fault, pointer }: { readonly fault: JsonFault; readonly pointer: string },
  at: string,
  otherwise: string,
): Rejected {
  if (fault === 'not-json') return malformed(at, otherwise);
  const { code, message } = JSON_FAULTS[fault];
  return rejected(code, message, { pointer: `${at}${pointer}` });
}

const malformed = (pointer: string, found: string): Rejected =>
  rejected('malformed', `The transaction holds ${found}.`, { pointer });

const tooLarge = (length: number): Rejected =>
  rejected('too-large', 'The transaction is larger than a ledger takes.', {
    got: length,
    expected: LIMITS.transactionBytesMax,
  });
