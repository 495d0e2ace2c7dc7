/**
 * Signed transactions: taking one, showing what became of it, and its receipt. A signed transaction
 * carries its own proof of who sent it, so on a public ledger it needs no API key.
 */
import { isDigest } from '../bytes/digest.ts';
import { LIMITS } from '../ledger/limits.ts';
import { Rejected } from '../ledger/rejection.ts';
import { parseTransaction } from '../ledger/transaction.ts';
import { mediaType, readText, refuseMediaType } from './body.ts';
import { chargeTransaction, limitResponse, uncharge } from './metering.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { notRetainedDocument, outcomeResponse, statusJson } from './outcome.ts';
import { waitPreference } from './prefer.ts';
import { problem, problemResponse, rejectionDocument } from './problem.ts';
import { keyNeeded } from './tenant.ts';

/** A JWS with disclosures (RFC 9901 §4): `<JWS>~<disclosure>~…~`. */
const DISCLOSED_TYPE = 'application/sd-jwt';
const JOSE_TYPES = [
  ...['application/jose', 'application/jose+json', 'application/json', DISCLOSED_TYPE],
];

/** `POST …/transactions`: one JWS, compact, flattened or general; or compact with disclosures. */
export async function postTransaction(c: ApiContext, node: NodeApi): Promise<Response> {
  const { service } = node;
  const refused = refuseMediaType(c.req.raw, JOSE_TYPES);
  if (refused) return refused;
  const isDisclosed = mediaType(c.req.raw) === DISCLOSED_TYPE;
  // The node keeps what is disclosed for its own tenants.
  if (isDisclosed && !c.get('tenant')) return keyNeeded();
  const text = await readText(c.req.raw, LIMITS.transactionBytesMax * 2);
  if (text instanceof Response) return text;
  const [jws = '', ...parts] = isDisclosed ? text.trim().split('~') : [text];
  // RFC 9901 §4: after the last tilde stands a key binding, or nothing.
  if (isDisclosed && parts.pop() !== '') {
    return problem('bad-request', 'Disclosures end with "~"; a key binding is not taken.');
  }
  const transaction = parseTransaction(jws);
  if (transaction instanceof Rejected) {
    return problemResponse(rejectionDocument(transaction.rejection));
  }
  const reached = await chargeTransaction(c, node, transaction.bytes.length);
  if (reached) return limitResponse(reached);
  const { waitMs, applied } = waitPreference(c.req.header('prefer') ?? null, 0);
  const outcome = isDisclosed
    ? await service.submitDisclosed({ transaction, disclosures: parts }, waitMs)
    : await service.submit(transaction, waitMs);
  uncharge(c, node, transaction.bytes.length, outcome);
  return outcomeResponse(outcome, service.genesis.consortium, applied);
}

/** `GET …/transactions/{id}`. */
export async function getTransaction(c: ApiContext, { service }: NodeApi): Promise<Response> {
  const id = c.req.param('id') ?? '';
  if (!isDigest(id)) return notAnId(id);
  const status = await service.transaction(id);
  if (!status) return unknownTransaction(id);
  if (status.status === 'not-retained') return problemResponse(notRetainedDocument(status));
  return c.json(statusJson(status), 200, { 'cache-control': 'no-cache' });
}

/** `GET …/transactions/{id}/receipt`: what `fuqi verify` checks offline. */
export async function getReceipt(c: ApiContext, { service }: NodeApi): Promise<Response> {
  const id = c.req.param('id') ?? '';
  if (!isDigest(id)) return notAnId(id);
  const receipt = await service.receipt(id);
  if (receipt) return c.json(receipt);
  const status = await service.transaction(id);
  if (!status) return unknownTransaction(id);
  if (status.status === 'not-retained') return problemResponse(notRetainedDocument(status));
  return problem(
    'not-found',
    `The transaction is ${status.status}: a receipt exists once it is final in a block.`,
    { id, got: status.status, expected: 'committed' },
    status.status === 'pending' ? { 'retry-after': '1' } : {},
  );
}

/** The refusal of a path or query parameter. */
export const notADigest = (parameter: 'id' | 'grant' | 'digest', got: string): Response =>
  problem('bad-request', 'A transaction id, a grant or a digest is 64 lowercase hex digits.', {
    got,
    errors: [{ parameter, detail: 'expected 64 lowercase hex digits' }],
  });

export const notAnId = (got: string): Response => notADigest('id', got);

const unknownTransaction = (id: string): Response =>
  problem('not-found', 'This node knows no such transaction; it may not have arrived yet.', { id });
