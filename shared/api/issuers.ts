/** `…/issuers`: the issuers whose tokens this node's member accepts; its administrators see and change them. */
import { z } from 'zod';
import { readJsonObject, refusedBody } from './body.ts';
import { refuseOthers } from './member-admin.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { problem } from './problem.ts';
import { TokenIssuersSchema } from './token-issuer.ts';

const BODY_BYTES_MAX = 64 * 1024;
const BodySchema = z.strictObject({ issuers: TokenIssuersSchema });

/** `GET …/issuers`. */
export async function getIssuers(c: ApiContext, node: NodeApi): Promise<Response> {
  const refused = await refuseOthers(c, node);
  if (refused) return refused;
  const issuers = (await node.issuers?.list()) ?? [];
  return c.json({ issuers }, 200, { 'cache-control': 'no-store' });
}

/** `PUT …/issuers`: these and no others, from the next request on. */
export async function putIssuers(c: ApiContext, node: NodeApi): Promise<Response> {
  const refused = await refuseOthers(c, node);
  if (refused) return refused;
  if (!node.issuers?.replace) {
    return problem(
      'method-not-allowed',
      'The issuers of this node stand in its configuration file; its operator changes them there.',
      {},
      { allow: 'GET' },
    );
  }
  const body = await readJsonObject(c.req.raw, BODY_BYTES_MAX);
  if (body instanceof Response) return body;
  const parsed = BodySchema.safeParse(body);
  if (!parsed.success) return refusedBody(parsed.error);
  await node.issuers.replace(parsed.data.issuers);
  return c.json(parsed.data, 200, { 'cache-control': 'no-store' });
}
