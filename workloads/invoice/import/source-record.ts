/**
 * What a reader makes of a file: documents in canonical form and refusals, each with its line. A
 * refusal says what was found and what was expected, and its amount where there is one, so that
 * imported and refused amounts always add up to the file's.
 */
import type { z } from 'zod';
import { type InvoiceDocument, InvoiceDocumentSchema } from '../document.ts';
import type { PurposeSchema } from '../records.ts';

/** An invoice, or a document that takes back (part of) one: then its totals are negative. */
export interface SourceDocument {
  readonly kind: 'invoice' | 'cancellation';
  /** Where it starts in the file, from 1. */
  readonly line: number;
  /** The document's stable id in the source, such as an invoice number there. */
  readonly reference: string;
  readonly document: InvoiceDocument;
  /** Who bought: what cancellations are matched by. Absent: unknown, and never matched. */
  readonly customer?: string;
  /** ISO 8601 time at the source. */
  readonly at?: string;
  /** The reference of the invoice that a cancellation takes back, where the source names it. */
  readonly relatesTo?: string;
  /** Set where an employee of the buyer will claim it. */
  readonly purpose?: z.infer<typeof PurposeSchema>;
}

/** Why a reader refuses; the importer adds the ledger's own reasons. */
export type ReadReason =
  | 'malformed-csv'
  | 'malformed-json'
  | 'malformed-xml'
  | 'wrong-encoding'
  | 'doctype'
  | 'too-large'
  | 'too-deep'
  | 'too-many-lines'
  | 'invalid-document'
  | 'unsupported'
  | 'not-consecutive'
  | 'zero-total'
  | 'negative-total'
  | 'positive-cancellation'
  | 'totals-differ';

/** An amount of money in minor units. */
export interface Money {
  readonly currency: string;
  readonly minor: number;
}

export interface Refusal {
  readonly kind: 'refused';
  readonly line: number;
  readonly reference?: string;
  readonly reason: string;
  readonly got?: string | number;
  readonly expected?: string | number;
  /** The document's gross, where it could be read. */
  readonly amount?: Money;
}

export type SourceRecord = SourceDocument | Refusal;

/** Lines of one document at the most; the canonical form's own limit. */
export const DOCUMENT_LINES_MAX = 1000;

/** Builds a reader's refusal. */
export const refusal = (
  reason: ReadReason,
  line: number,
  more: Omit<Refusal, 'kind' | 'line' | 'reason'> = {},
): Refusal => ({ kind: 'refused', line, reason, ...more });

/** A document that passed the canonical schema and the signs that its kind needs, or a refusal. */
export function checkedRecord(
  record: Omit<SourceDocument, 'document'> & { readonly document: unknown },
): SourceRecord {
  const { kind, line, reference } = record;
  const parsed = InvoiceDocumentSchema.safeParse(record.document);
  if (!parsed.success) {
    return refusal('invalid-document', line, { reference, ...firstIssue(parsed.error) });
  }
  const document = parsed.data;
  const { gross } = document;
  const amount = { currency: document.currency, minor: gross };
  const at = { reference, got: gross, amount };
  if (gross === 0) {
    return refusal('zero-total', line, { ...at, expected: 'an amount other than 0' });
  }
  if (kind === 'invoice' && gross < 0) {
    return refusal('negative-total', line, { ...at, expected: 'more than 0 for an invoice' });
  }
  if (kind === 'cancellation' && gross > 0) {
    const expected = 'less than 0 for a cancellation';
    return refusal('positive-cancellation', line, { ...at, expected });
  }
  return { ...record, document };
}

/** The first fault that a schema found, as `got` and `expected`. */
export function firstIssue(error: z.ZodError): { readonly expected: string } {
  const [issue] = error.issues;
  const place = `/${(issue?.path ?? []).join('/')}`;
  return { expected: `${place}: ${issue?.message ?? 'a canonical invoice'}` };
}
