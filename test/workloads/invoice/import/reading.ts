/**
 * Feeding readers in tests: a text as a stream of chunks, and all that came out.
 */
import type {
  SourceDocument,
  SourceRecord,
} from '../../../../workloads/invoice/import/source-record.ts';

/** A text as a stream of chunks of a few bytes, so that nothing depends on where chunks end. */
export async function* chunks(text: string | Uint8Array, size = 7): AsyncGenerator<Uint8Array> {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function all(records: AsyncIterable<SourceRecord>): Promise<SourceRecord[]> {
  const list: SourceRecord[] = [];
  for await (const record of records) list.push(record);
  return list;
}

/** Short forms: `invoice A 1000` and `refused A zero-total`. */
export const short = (records: readonly SourceRecord[]): string[] =>
  records.map((record) =>
    record.kind === 'refused'
      ? `refused ${record.reference ?? '-'} ${record.reason}`
      : `${record.kind} ${record.reference} ${record.document.gross}`,
  );

/** The one document of a list. */
export function only(records: readonly SourceRecord[]): SourceDocument {
  const [record] = records;
  if (records.length !== 1 || !record || record.kind === 'refused') {
    throw new Error(`expected one document, found ${JSON.stringify(records)}`);
  }
  return record;
}
