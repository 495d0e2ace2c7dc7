/** Confidential values over HTTP: from the member's own vault, and other members' under their grants. */
import { z } from 'zod';
import { type Digest, isDigest } from '../bytes/digest.ts';
import { invalidArguments } from '../contract/argument-issues.ts';
import { RECORDS_MAX } from '../contract/confidential-records.ts';
import { revealedValues } from '../ledger/disclosure.ts';
import { Rejected } from '../ledger/rejection.ts';
import type { KeptValues } from '../ports/value-keeper.ts';
import { readJsonObject } from './body.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { problem, problemResponse, rejectionDocument } from './problem.ts';
import { keyNeeded } from './tenant.ts';
import { notADigest, notAnId } from './transactions.ts';

/**
 * `GET …/transactions/{id}/values`: the transaction's confidential fields, from the member's own vault, for whoever
 * signed it, the member's administrators and whom the contract lets; with the disclosures that `fuqi disclose` chooses from. With `?grant=`,
 * those of another member that its grant covers, for an identity that may read: its request stands on the ledger then.
 */
export async function getValues(c: ApiContext, node: NodeApi): Promise<Response> {
  const read = await readValues(c, node);
  return read instanceof Response ? read : valuesResponse(c, read.values);
}

/** The values that a request asks for, and the grant under which they were read; a refusal where they are not for it. */
export async function readValues(
  c: ApiContext,
  { service }: NodeApi,
): Promise<{ readonly values: KeptValues; readonly grant?: Digest } | Response> {
  const id = c.req.param('id') ?? '';
  if (!isDigest(id)) return notAnId(id);
  const tenant = c.get('tenant');
  if (!tenant) return keyNeeded();
  const caller = tenant.member === service.member && (await service.identity(tenant.identity));
  const grant = c.req.query('grant');
  if (grant !== undefined) {
    if (!isDigest(grant)) return notADigest('grant', grant);
    if (!caller) return elsewhere(tenant.member);
    const given = await service.grantedValues(tenant.identity, grant, [id]);
    return given instanceof Rejected ? refusal(given) : { values: given[0]!, grant };
  }
  const values = await service.values(id, caller || undefined);
  if (values instanceof Rejected) return refusal(values);
  if (!values) {
    const detail = 'This node has no confidential values of such a transaction.';
    return problem('not-found', detail, { id });
  }
  return { values };
}

const BODY_BYTES_MAX = 64 * 1024;
const DigestSchema = z.string().refine(isDigest, 'expected 64 lowercase hex digits');
const BodySchema = z.strictObject({
  grant: DigestSchema,
  transactions: z.array(DigestSchema).min(1).max(RECORDS_MAX),
});

/** `POST …/values`: those of several transactions of one owner under its grant, by one request on the ledger. */
export async function postValues(c: ApiContext, { service }: NodeApi): Promise<Response> {
  const tenant = c.get('tenant');
  if (!tenant) return keyNeeded();
  if (tenant.member !== service.member) return elsewhere(tenant.member);
  const body = await readJsonObject(c.req.raw, BODY_BYTES_MAX);
  if (body instanceof Response) return body;
  const parsed = BodySchema.safeParse(body);
  if (!parsed.success) {
    return problemResponse(rejectionDocument(invalidArguments(parsed.error).rejection));
  }
  const { grant, transactions } = parsed.data;
  const given = await service.grantedValues(tenant.identity, grant, transactions);
  if (given instanceof Rejected) return refusal(given);
  return c.json({ values: given.map(valuesJson) }, 200, { 'cache-control': 'no-store' });
}

const valuesResponse = (c: ApiContext, values: KeptValues): Response =>
  c.json(valuesJson(values), 200, { 'cache-control': 'no-store' });

const valuesJson = ({ transaction, disclosures }: KeptValues) => ({
  format: 'fuqi-values-1',
  transaction: transaction.id,
  fields: revealedValues(transaction.body.args, disclosures),
  disclosures,
});

/** What is in the vault of another member's node. */
export const elsewhere = (member: string): Response =>
  problem('forbidden', `Ask the node of ${member}.`, { expected: member });

const refusal = ({ rejection }: Rejected): Response =>
  problemResponse(rejectionDocument(rejection));
