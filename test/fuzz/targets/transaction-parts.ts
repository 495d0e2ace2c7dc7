/**
 * Transactions from the inside: the first line is the payload's JSON, each further line a protected header's. Base64url
 * around them hides them from mutation otherwise.
 */
import { toBase64Url } from '../../../shared/bytes/text.ts';
import { parseTransaction } from '../../../shared/ledger/transaction.ts';
import { linesOf } from '../invariant.ts';
import { checkTransaction } from './transaction.ts';

export function fuzz(data: Uint8Array): void {
  const [payload, ...headers] = linesOf(data).map(toBase64Url);
  const signature = 'A'.repeat(86);
  const signatures = headers.map((head) => ({ protected: head, signature }));
  checkTransaction(parseTransaction(JSON.stringify({ payload, signatures })));
  checkTransaction(parseTransaction(`${headers[0] ?? ''}.${payload}.${signature}`));
}
