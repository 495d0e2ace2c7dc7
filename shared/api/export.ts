/**
 * `GET …/export`: a member's own transactions with their receipts, page by page from the ledger's start,
 * for its own administrators: what a member takes along when it leaves, or keeps elsewhere.
 */
import { pageQuery, readQuery } from './body.ts';
import { decodeTransactionCursor, encodeTransactionCursor } from './cursor.ts';
import { refuseOthers } from './member-admin.ts';
import type { ApiContext, NodeApi } from './node-api.ts';
import { problem } from './problem.ts';

/** A receipt is a few kilobytes, more where a ledger has had many epochs. */
const PAGE_DEFAULT = 50;
const PAGE_MAX = 100;

const PageQuery = pageQuery(PAGE_MAX, decodeTransactionCursor);

/** `GET …/export?limit=&cursor=`; a later call goes on from `next`, also where this one was `complete`. */
export async function getExport(c: ApiContext, node: NodeApi): Promise<Response> {
  const { service } = node;
  const refused = await refuseOthers(c, node);
  if (refused) return refused;
  const query = readQuery(c.req.raw, PageQuery);
  if (query instanceof Response) return query;
  const from = query.cursor ? decodeTransactionCursor(query.cursor)! : { height: 1, index: 0 };
  const { retained } = await service.consensus();
  if (from.height < retained.bodies) {
    return problem(
      'not-retained',
      `This node keeps transactions from height ${retained.bodies} on: an export from the start needs a node that keeps all.`,
      { got: from.height, expected: retained.bodies },
    );
  }
  const { receipts, next, isAtHead } = await service.ownReceipts(from, query.limit ?? PAGE_DEFAULT);
  return c.json(
    { member: service.member, receipts, next: encodeTransactionCursor(next), complete: isAtHead },
    200,
    { 'cache-control': 'no-store' },
  );
}
