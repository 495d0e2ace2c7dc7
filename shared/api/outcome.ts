/**
 * What became of a transaction, as JSON and as a response: 200 is final, 202 is held durably until it
 * ends, 422 was refused in a block, anything else was refused before one.
 */
import { Rejected } from '../ledger/rejection.ts';
import type { TransactionStatus } from './ledger-service.ts';
import { consortiumPath, timeText } from './node-api.ts';
import {
  type ProblemDocument,
  problemDocument,
  problemResponse,
  rejectionDocument,
} from './problem.ts';
import { retryAfterSeconds } from './tenant-limits.ts';

/** Says where a transaction is final whose block's body is not kept, as far as that is known. */
export function notRetainedDocument(
  outcome: TransactionStatus & { status: 'not-retained' },
): ProblemDocument {
  const { status: _, ...place } = outcome;
  const found =
    place.height === undefined
      ? 'If the transaction was committed, it was in a block that this node never had'
      : `The transaction is final in block ${place.height}, whose results this node does not keep`;
  return problemDocument('not-retained', `${found}; ask another member’s node.`, place);
}

/** The status of a transaction as `GET …/transactions/{id}` shows it. */
export function statusJson(status: TransactionStatus): Record<string, unknown> {
  if (status.status === 'pending' || status.status === 'expired') {
    return { id: status.id, status: status.status };
  }
  if (status.status === 'not-retained') return { ...status };
  const { id, height, index, time, result } = status;
  const place = { id, status: result.status, height, index, time: timeText(time) };
  return result.status === 'committed'
    ? { ...place, output: result.output, events: result.events }
    : { ...place, rejection: result.rejection };
}

/** The problem behind a submission that didn't succeed; undefined where it is committed or pending. */
export function problemOf(outcome: TransactionStatus | Rejected): ProblemDocument | undefined {
  if (outcome instanceof Rejected) return rejectionDocument(outcome.rejection);
  if (outcome.status === 'expired') {
    return problemDocument(
      'expired',
      'The transaction was not committed before its notAfter, and never will be.',
      { id: outcome.id },
    );
  }
  if (outcome.status === 'not-retained') return notRetainedDocument(outcome);
  if (outcome.status === 'pending' || outcome.result.status === 'committed') return undefined;
  const { id, height, index, time, result } = outcome;
  const members = { id, height, index, time: timeText(time), result };
  return rejectionDocument(outcome.result.rejection, members, 422);
}

/** The answer to a submission. `applied` goes into `Preference-Applied`. */
export function outcomeResponse(
  outcome: TransactionStatus | Rejected,
  consortium: string,
  applied: string | undefined,
): Response {
  const headers: Record<string, string> = { 'cache-control': 'no-store' };
  if (applied !== undefined) headers['preference-applied'] = applied;
  const document = problemOf(outcome);
  const limit = outcome instanceof Rejected ? outcome.rejection.limit : undefined;
  if (limit) headers['retry-after'] = String(retryAfterSeconds(limit));
  if (document) return problemResponse(document, headers);
  const status = outcome as TransactionStatus;
  if (status.status === 'pending') {
    headers.location = `${consortiumPath(consortium)}/transactions/${status.id}`;
    headers['retry-after'] = '1';
  }
  return Response.json(statusJson(status), {
    status: status.status === 'pending' ? 202 : 200,
    headers,
  });
}
