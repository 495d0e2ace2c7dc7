/** Transactions: compact and JSON serialisations as texts, and the form that stands in a block. */
import assert from 'node:assert/strict';
import { taggedDigest } from '../../../shared/bytes/digest.ts';
import { utf8 } from '../../../shared/bytes/text.ts';
import { LIMITS } from '../../../shared/ledger/limits.ts';
import { Rejected } from '../../../shared/ledger/rejection.ts';
import {
  decodeTransaction,
  parseTransaction,
  type Transaction,
  transactionToJson,
} from '../../../shared/ledger/transaction.ts';
import { sameBytes, textOf } from '../invariant.ts';

export function fuzz(data: Uint8Array): void {
  const decoded = decodeTransaction(data);
  if (!(decoded instanceof Rejected)) sameBytes(decoded.bytes, data, 'the encoding that was read');
  for (const read of [decoded, parseTransaction(textOf(data))]) checkTransaction(read);
}

/** What holds of every answer. */
export function checkTransaction(read: Transaction | Rejected): void {
  if (read instanceof Rejected) {
    const { code, message } = read.rejection;
    assert.ok(code.length > 0 && message.length > 0);
    return;
  }
  const { payload, signatures, body, keyIds, algorithms, bytes, id } = read;
  assert.ok(bytes.length <= LIMITS.transactionBytesMax);
  assert.ok(signatures.length >= 1 && signatures.length <= LIMITS.signaturesMax);
  assert.equal(new Set(keyIds).size, signatures.length);
  assert.equal(algorithms.length, signatures.length);
  assert.equal(
    id,
    taggedDigest('fuqi/v1/transaction', utf8(`${signatures[0]!.protected}.${payload}`)),
  );
  // What was signed says what was read.
  assert.deepEqual(JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')), { ...body });
  const forms = [
    decodeTransaction(bytes),
    parseTransaction(JSON.stringify(transactionToJson(read))),
  ];
  for (const again of forms) {
    assert.ok(!(again instanceof Rejected), 'a form of it that is refused');
    assert.equal(again.id, id);
    assert.deepEqual(again.body, body);
    sameBytes(again.bytes, bytes, 'another encoding');
  }
}
