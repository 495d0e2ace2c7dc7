/** `GET …/vault`: which confidential fields this node's vault holds, for the member's administrators. No value is shown. */
import { isDigest } from '../bytes/digest.ts';
import { refuseOthers } from './member-admin.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { problem } from './problem.ts';

const LIMIT = 50;
const LIMIT_MAX = 200;

export async function getVault(c: ApiContext, node: NodeApi): Promise<Response> {
  const refused = await refuseOthers(c, node);
  if (refused) return refused;
  const { after, limit: text = String(LIMIT) } = c.req.query();
  const limit = Number(text);
  if (!/^[0-9]+$/.test(text) || limit < 1 || limit > LIMIT_MAX) {
    return badParameter('limit', text, `a whole number from 1 to ${LIMIT_MAX}`);
  }
  if (after !== undefined && !isDigest(after)) {
    return badParameter('after', after, 'a transaction id: 64 lowercase hex digits');
  }
  const records = await node.service.held(after, limit);
  const next = records.length < limit ? null : records.at(-1)!.transaction;
  return c.json({ records, next }, 200, { 'cache-control': 'no-store' });
}

const badParameter = (parameter: string, got: string, expected: string): Response =>
  problem('bad-request', `The parameter ${parameter} is ${expected}.`, {
    ...{ got, expected },
    errors: [{ parameter, detail: `expected ${expected}` }],
  });
