/**
 * Finds the invoices that a cancellation takes back: earlier ones of the same customer, article,
 * unit price and tax, the newest first, because goods come back soon after they were sold. What fits
 * no invoice is left over as a credit note. Pure: the same file always gives the same matches,
 * whatever the ledger said, so that an interrupted import can rebuild them by reading again.
 */
import type { InvoiceLine } from '../document.ts';
import { categoryOf } from '../tax.ts';
import { atScale, type Decimal, formatDecimal, parseDecimal } from './decimal.ts';
import type { SourceDocument } from './source-record.ts';

/** One call of `reverse`: whole lines of an invoice, or parts of lines as amounts by rate. */
export interface PlannedReversal {
  /** Of the invoice that is taken back. */
  readonly reference: string;
  readonly lines?: readonly number[];
  readonly amounts?: readonly ReversedAmount[];
  /** Net that it takes back, in minor units (positive). */
  readonly net: number;
  /** The cancellation's lines that it covers: what a credit note says where it can't be done. */
  readonly covers: readonly InvoiceLine[];
}

export interface ReversedAmount {
  readonly category: NonNullable<InvoiceLine['category']>;
  readonly rateBp: number;
  readonly net: number;
  readonly tax: number;
}

export interface CancellationMatch {
  readonly reversals: readonly PlannedReversal[];
  /** Lines (negative) that fit no invoice. */
  readonly rest: readonly InvoiceLine[];
}

export interface MatchIndex {
  /** Takes note of an invoice; cancellations after it can match its lines. */
  add(invoice: SourceDocument): void;
  /**
   * Matches a cancellation and uses up what it matched; one that names an invoice, with that alone.
   */
  match(cancellation: SourceDocument): CancellationMatch;
  /** Lines held, and lines that were given up because there were too many. */
  readonly size: number;
  readonly evicted: number;
}

/** Quantities are compared in units of 10^-16, the finest that the canonical form has. */
const QUANTITY_SCALE = 16;

/** What is left of an invoice's line. */
interface OpenLine {
  readonly key: string;
  readonly reference: string;
  readonly index: number;
  readonly of: bigint;
  quantity: bigint;
  net: number;
  tax: number;
}

/** A part of an invoice's line that a cancellation takes. */
interface Part {
  readonly line: OpenLine;
  readonly isWhole: boolean;
  readonly net: number;
  readonly tax: number;
  readonly covers: InvoiceLine;
}

/** An index over at most `linesMax` lines; beyond, the oldest are given up and match no more. */
export function matchIndex({ linesMax = 500_000 } = {}): MatchIndex {
  const open = new Map<string, OpenLine[]>();
  // In the order they came.
  const all = new Set<OpenLine>();
  let evicted = 0;

  const drop = (line: OpenLine): void => {
    if (!all.delete(line)) return;
    const same = open.get(line.key)!;
    same.splice(same.indexOf(line), 1);
    if (same.length === 0) open.delete(line.key);
  };

  return {
    get size() {
      return all.size;
    },
    get evicted() {
      return evicted;
    },
    add(invoice) {
      for (const [index, line] of invoice.document.lines.entries()) {
        const key = keyOf(invoice, line);
        const quantity = quantityOf(line);
        if (key === undefined || quantity === undefined || quantity <= 0n || line.net <= 0)
          continue;
        const { net, tax } = line;
        const { reference } = invoice;
        const entry: OpenLine = { key, reference, index, of: quantity, quantity, net, tax };
        const same = open.get(key);
        if (same) same.push(entry);
        else open.set(key, [entry]);
        all.add(entry);
        if (all.size > linesMax) {
          drop(all.values().next().value!);
          evicted++;
        }
      }
    },
    match(cancellation) {
      const { relatesTo } = cancellation;
      const { lines } = cancellation.document;
      // An exchange only makes sense as a whole: without its returns it would be an invoice.
      if (lines.some(({ net }) => net > 0)) return { reversals: [], rest: lines };
      const parts: Part[] = [];
      const rest: InvoiceLine[] = [];
      for (const line of lines) {
        const same = open.get(keyOf(cancellation, line) ?? '') ?? [];
        const candidates = same.filter(({ reference }) => reference === (relatesTo ?? reference));
        const left = take(line, candidates, parts);
        if (left) rest.push(left);
      }
      for (const { line } of parts) if (line.quantity === 0n) drop(line);
      return {
        reversals: plan(parts),
        rest: rest.filter(({ net, tax }) => net !== 0 || tax !== 0),
      };
    },
  };
}

/** Takes one cancelled line from open lines, the newest first; answers what is left of it. */
function take(
  cancelled: InvoiceLine,
  open: readonly OpenLine[],
  parts: Part[],
): InvoiceLine | undefined {
  const asked = quantityOf(cancelled);
  if (asked === undefined || asked >= 0n || cancelled.net >= 0) return cancelled;
  let wanted = -asked;
  let { net, tax } = cancelled;
  for (let at = open.length - 1; at >= 0 && wanted > 0n && net < 0; at--) {
    const line = open[at]!;
    const isEnough = line.quantity >= wanted;
    const quantity = isEnough ? wanted : line.quantity;
    // Rounding can leave a quantity of which nothing is left to take back.
    if (quantity === 0n || line.net <= 0) continue;
    // The last piece takes what the cancellation still says: its amounts are the source's truth.
    const piece = isEnough ? { net: -net, tax: -tax } : { net: line.net, tax: line.tax };
    if (piece.net > line.net || piece.net > -net) break;
    const isWhole = quantity === line.of && piece.net === line.net && piece.tax === line.tax;
    const mirrored = { net: negative(piece.net), tax: negative(piece.tax) };
    parts.push({
      line,
      isWhole,
      net: piece.net,
      tax: piece.tax === 0 ? 0 : piece.tax,
      covers: { ...cancelled, quantity: text(-quantity), ...mirrored },
    });
    line.quantity -= quantity;
    line.net -= piece.net;
    line.tax -= piece.tax;
    wanted -= quantity;
    net += piece.net;
    tax += piece.tax;
  }
  if (wanted === 0n) return undefined;
  return { ...cancelled, quantity: text(-wanted), net, tax };
}

/** One call for an invoice's whole lines and one for parts of its lines. */
function plan(parts: readonly Part[]): PlannedReversal[] {
  const calls = new Map<string, Part[]>();
  for (const part of parts) {
    const key = JSON.stringify([part.line.reference, part.isWhole]);
    calls.set(key, [...(calls.get(key) ?? []), part]);
  }
  return [...calls.values()].map((same) => {
    const { reference } = same[0]!.line;
    const net = same.reduce((sum, part) => sum + part.net, 0);
    const covers = same.map((part) => part.covers);
    if (same[0]!.isWhole)
      return { reference, lines: same.map(({ line }) => line.index), net, covers };
    return { reference, amounts: amountsOf(same), net, covers };
  });
}

function amountsOf(parts: readonly Part[]): ReversedAmount[] {
  const amounts = new Map<string, ReversedAmount>();
  for (const { covers, net, tax } of parts) {
    const category = categoryOf(covers);
    const { rateBp } = covers;
    const key = `${category}/${rateBp}`;
    const before = amounts.get(key) ?? { category, rateBp, net: 0, tax: 0 };
    amounts.set(key, { ...before, net: before.net + net, tax: before.tax + tax });
  }
  return [...amounts.values()];
}

/** What must agree for a line to take another back; undefined where that can't be told. */
function keyOf({ customer, document }: SourceDocument, line: InvoiceLine): string | undefined {
  const unitPrice = line.unitPrice === undefined ? undefined : parseDecimal(line.unitPrice);
  if (customer === undefined || line.code === undefined || !unitPrice) return undefined;
  const { currency, rounding } = document;
  const price = formatDecimal(unitPrice);
  return JSON.stringify([
    customer,
    line.code,
    price,
    currency,
    rounding,
    categoryOf(line),
    line.rateBp,
  ]);
}

function quantityOf({ quantity }: InvoiceLine): bigint | undefined {
  const decimal: Decimal | undefined = quantity === undefined ? undefined : parseDecimal(quantity);
  return decimal && atScale(decimal, QUANTITY_SCALE);
}

const text = (quantity: bigint): string =>
  formatDecimal({ units: quantity, scale: QUANTITY_SCALE });

const negative = (amount: number): number => (amount === 0 ? 0 : -amount);
