/**
 * What an accounting system books of a confidential invoice, or of a note that takes one back: the ledger's record and the
 * hidden values as one canonical document. A note's amounts are negative.
 */
import { groupsOf, leftAfter } from '../einvoice/left.ts';
import type { Invoice } from '../einvoice/records.ts';
import type { InvoiceDocument, InvoiceLine } from '../invoice/document.ts';
import { mirrored } from '../invoice/import/mirrored.ts';
import { totalOf } from '../invoice/tax.ts';

/** The hidden values of a transaction, as a node that holds them shows them. */
export type HiddenValues = Readonly<Record<string, unknown>>;

/** A record with the values of its transaction. */
export interface Known {
  readonly record: Invoice;
  readonly values: HiddenValues;
}

export interface Voucher {
  readonly number: string;
  readonly kind: 'invoice' | 'note';
  /** The id of the member that issued it. */
  readonly seller: string;
  readonly status: Invoice['status'];
  /** The invoice that a note takes back, or a part of it: its number, or its reference elsewhere. */
  readonly of?: string;
  /** Printed on an invoice: who has it may ask whether the invoice is valid. */
  readonly checkCode?: string;
  /** The transaction that has the values, and its receipt. */
  readonly transaction: string;
  /** Time of the block, milliseconds since 1970. */
  readonly issuedAt: number;
  readonly document: InvoiceDocument;
}

type Amounts = Pick<InvoiceDocument, 'lines' | 'taxes' | 'net' | 'tax' | 'gross' | 'issuedOn'>;

/** An invoice as it was issued. */
export function invoiceVoucher({ record, values }: Known): Voucher {
  // What opens an attachment is no accounting system's business.
  const { checkCode, to: _to, attachments: _attachments, ...rest } = values;
  const { currency } = record;
  const document = {
    currency,
    ...rest,
    rounding: roundingOf(values),
  } as unknown as InvoiceDocument;
  return { ...common(record), kind: 'invoice', checkCode: checkCode as string, document };
}

/**
 * A note over all that was left of an invoice, or over a part of it. `parts` are the values of the notes that took parts of
 * it before; undefined where some of it is not known here.
 */
export function noteVoucher(
  note: Known,
  original: Known,
  parts: readonly (HiddenValues | undefined)[],
): Voucher | undefined {
  const { record, values } = note;
  const isPart = values.lines !== undefined;
  const taken = isPart
    ? (values as unknown as Amounts)
    : allThatWasLeft(original, parts, dayOf(record.issuedAt));
  if (!taken) return undefined;
  const { seller, buyer } = original.values as unknown as InvoiceDocument;
  const { currency } = original.record;
  const rounding = roundingOf(taken);
  const { issuedOn } = taken;
  const document = { currency, seller, buyer, issuedOn, rounding, ...mirrored(taken) };
  return { ...common(record), kind: 'note', of: original.record.number, document };
}

/** A note to an invoice elsewhere, which it names as its seller did. */
export function creditVoucher({ record, values }: Known): Voucher {
  const { seller, buyer, original, externalId, note, ...taken } =
    values as unknown as InvoiceDocument & {
      readonly original: string;
    };
  const document = {
    ...{ currency: record.currency, seller, buyer, issuedOn: taken.issuedOn },
    ...{ rounding: roundingOf(values), ...mirrored(taken) },
    ...(externalId !== undefined && { externalId }),
    ...(note !== undefined && { note }),
  };
  return { ...common(record), kind: 'note', of: original, document };
}

const common = ({ number, seller, status, transaction, issuedAt }: Invoice) => ({
  ...{ number, seller, status, transaction, issuedAt },
});

/** Only with rounding per rate are there taxes beside the lines. */
const roundingOf = ({ taxes }: { readonly taxes?: unknown }): InvoiceDocument['rounding'] =>
  taxes === undefined ? 'per-line' : 'per-rate';

const dayOf = (time: number): string => new Date(time).toISOString().slice(0, 10);

/** The lines of the invoice; where parts of it were taken back before, a line for what was left at each rate. */
function allThatWasLeft(
  { record, values }: Known,
  parts: readonly (HiddenValues | undefined)[],
  issuedOn: string,
): Amounts | undefined {
  const whole = values as unknown as Amounts;
  if (parts.length === 0) return { ...amountsOf(whole), issuedOn };
  const left = leftAfter(values as never, parts as never[])?.left.filter(
    ({ net, tax }) => net !== 0 || tax !== 0,
  );
  if (!left) return undefined;
  const lines = left.map(
    ({ category, rateBp, net, tax }): InvoiceLine => ({
      ...{ description: `Left of ${record.number}`, quantity: '1' },
      ...{ category, rateBp, net, tax },
    }),
  );
  return { issuedOn, lines, ...totalOf(groupsOf({ lines } as never)!) };
}

const amountsOf = ({ lines, taxes, net, tax, gross }: Amounts) => ({
  ...{ lines, net, tax, gross },
  ...(taxes && { taxes }),
});
