/**
 * Invoices from JSON lines: one canonical document a line with its reference. Streams; a line beyond
 * the limit is refused and skipped without ever being held whole.
 */
import { z } from 'zod';
import { parseJson } from '../../../shared/api/json.ts';
import { PurposeSchema } from '../records.ts';
import { checkedRecord, firstIssue, refusal, type SourceRecord } from './source-record.ts';

/** Bytes of one line: above an invoice of 1000 lines, below what would hurt. */
export const LINE_BYTES_MAX = 1024 * 1024;

const EntrySchema = z.strictObject({
  reference: z.string().min(1).max(200),
  kind: z.enum(['invoice', 'cancellation']).default('invoice'),
  customer: z.string().min(1).max(200).optional(),
  at: z.iso.datetime({ offset: true, local: true }).optional(),
  relatesTo: z.string().min(1).max(200).optional(),
  purpose: PurposeSchema.optional(),
  document: z.looseObject({}),
});

/** Reads a line each; blank lines count and are passed over. */
export async function* readJsonLines(
  source: AsyncIterable<Uint8Array>,
  bytesMax = LINE_BYTES_MAX,
): AsyncGenerator<SourceRecord> {
  for await (const { line, bytes } of linesOf(source, bytesMax)) {
    if (bytes === undefined) {
      yield refusal('too-large', line, { expected: `a line of at most ${bytesMax} bytes` });
      continue;
    }
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch {
      yield refusal('wrong-encoding', line, { expected: 'UTF-8' });
      continue;
    }
    if (text.trim() !== '') yield entry(text, line);
  }
}

function entry(text: string, line: number): SourceRecord {
  const json = parseJson(text);
  if ('fault' in json) {
    return refusal('malformed-json', line, { expected: `JSON at column ${json.fault.column}` });
  }
  if ('refused' in json) {
    const { message, pointer } = json.refused;
    return refusal('malformed-json', line, { expected: `${pointer}: ${message}` });
  }
  const parsed = EntrySchema.safeParse(json.value);
  if (!parsed.success) return refusal('invalid-document', line, firstIssue(parsed.error));
  const { reference, kind, document, customer, at, relatesTo, purpose } = parsed.data;
  if (document.externalId !== undefined) {
    const expected = '/document/externalId: left out; the import sets it from the reference';
    return refusal('invalid-document', line, { reference, expected });
  }
  return checkedRecord({
    kind,
    line,
    reference,
    document,
    ...(customer === undefined ? {} : { customer }),
    ...(at === undefined ? {} : { at }),
    ...(relatesTo === undefined ? {} : { relatesTo }),
    ...(purpose === undefined ? {} : { purpose }),
  });
}

/** The lines of a stream without their ends; no bytes for a line that is too long. */
async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  bytesMax: number,
): AsyncGenerator<{ readonly line: number; readonly bytes: Uint8Array | undefined }> {
  let line = 1;
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (part: Uint8Array): void => {
    length += part.length;
    if (length > bytesMax) parts = [];
    else parts.push(part);
  };
  const end = () => {
    const whole = { line: line++, bytes: length > bytesMax ? undefined : Buffer.concat(parts) };
    parts = [];
    length = 0;
    return whole;
  };
  for await (const chunk of source) {
    let start = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, start)) {
      take(chunk.subarray(start, at));
      yield end();
      start = at + 1;
    }
    if (start < chunk.length) take(chunk.subarray(start));
  }
  if (length > 0) yield end();
}
