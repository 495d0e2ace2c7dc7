/** What holds of everything that a reader of import files answers. */
import assert from 'node:assert/strict';
import { InvoiceDocumentSchema } from '../../workloads/invoice/document.ts';
import type { SourceRecord } from '../../workloads/invoice/import/source-record.ts';
import { all, chunks } from '../workloads/invoice/import/reading.ts';

type Reader = (source: AsyncIterable<Uint8Array>) => AsyncIterable<SourceRecord>;

/**
 * Reads a file, whole and in chunks of a few bytes: both have to say the same, as far as `shown` shows it.
 */
export async function checkReader(
  read: Reader,
  file: Uint8Array,
  shown: (record: SourceRecord) => unknown = (record) => record,
): Promise<void> {
  const records = await all(read(chunks(file, Math.max(1, file.length))));
  for (const record of records) checkRecord(record, file);
  const again = await all(read(chunks(file, 3)));
  assert.deepEqual(again.map(shown), records.map(shown), 'what is read depends on its chunks');
}

function checkRecord(record: SourceRecord, file: Uint8Array): void {
  const ends = file.filter((byte) => byte === 10 || byte === 13).length;
  assert.ok(Number.isSafeInteger(record.line) && record.line >= 1, `line ${record.line}`);
  assert.ok(record.line <= ends + 2, `line ${record.line} after ${ends} line ends`);
  if (record.kind === 'refused') {
    assert.match(record.reason, /^[a-z-]+$/);
    if (record.amount) assert.ok(Number.isSafeInteger(record.amount.minor), 'an inexact amount');
    return;
  }
  const { kind, document, reference } = record;
  assert.ok(reference.length > 0);
  assert.ok(kind === 'invoice' ? document.gross > 0 : document.gross < 0);
  assert.equal(document.gross, document.net + document.tax);
  assert.deepEqual(InvoiceDocumentSchema.parse(document), document);
}
