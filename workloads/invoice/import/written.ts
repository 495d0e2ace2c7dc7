/**
 * What the importer did with one document, and the ledger's refusals in the form of the reader's.
 */
import type { Problem } from './gateway-client.ts';
import type { Refusal, SourceDocument } from './source-record.ts';

/** What a document added to the ledger, now or in an earlier run. */
export interface Written {
  readonly invoices: number;
  readonly reversals: number;
  readonly creditNotes: number;
  readonly reimbursed: number;
  /** Whether all of it was there before. */
  readonly isOld: boolean;
  /** Gross in minor units: positive for invoices, negative for reversals and credit notes. */
  readonly minor: number;
  readonly refusals: readonly Refusal[];
  /** The credit note of a cancellation, or of the part of it that matched no invoice. */
  readonly creditNote?: { readonly number: string; readonly minor: number };
}

/** Nothing done; the base of the others. */
export const NOTHING: Written = {
  invoices: 0,
  reversals: 0,
  creditNotes: 0,
  reimbursed: 0,
  isOld: false,
  minor: 0,
  refusals: [],
};

/** A document of which only a refusal came. */
export const refusedWhole = (refusal: Refusal): Written => ({ ...NOTHING, refusals: [refusal] });

/** A credit note on the ledger, and whether it was there before. */
export type CreditNoted = NonNullable<Written['creditNote']> & { readonly isOld: boolean };

/** The same with the credit note for what matched no invoice, or why there is none; `isOld`: whether the rest was there before. */
export function withCreditNote(
  written: Written,
  note: CreditNoted | Refusal,
  isOld: boolean,
): Written {
  if ('reason' in note) return { ...written, refusals: [...written.refusals, note] };
  const { number, minor } = note;
  return {
    ...written,
    creditNotes: 1,
    minor: written.minor + minor,
    creditNote: { number, minor },
    isOld: isOld && note.isOld,
  };
}

/** A reference that stands for something else on the ledger. */
export const reused = (
  { line, reference, document }: SourceDocument,
  got: number | undefined,
): Refusal => ({
  kind: 'refused',
  line,
  reference,
  reason: 'reference-reused',
  ...(got === undefined ? {} : { got }),
  expected: document.gross,
  amount: { currency: document.currency, minor: document.gross },
});

/** The ledger's refusal; `amount`: the gross that is not on it therefore. */
export function refusedBy(
  { line, reference }: SourceDocument,
  { code, reason = code, detail, got }: Problem,
  amount?: Refusal['amount'],
): Refusal {
  const found = typeof got === 'string' || typeof got === 'number' ? { got } : {};
  const sum = amount === undefined ? {} : { amount };
  return { kind: 'refused', line, reference, reason, ...found, expected: detail, ...sum };
}
