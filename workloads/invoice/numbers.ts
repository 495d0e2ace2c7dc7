/**
 * Invoice numbers: 20 digits from the ranges that the tax bureau allotted to a seller. Each number
 * is used once; automatic numbering goes on after the last one and skips those chosen by hand.
 */
import type { NumberRange } from './records.ts';

/** Numbers taken by hand that automatic numbering looks past: pages of a scan. */
const SKIP_PAGES_MAX = 8;
const SKIP_PAGE = 256;

/** What is needed of a contract that has invoices by their numbers. */
interface NumberedContext {
  get(record: 'invoice', key: string): unknown;
  scan(
    record: 'invoice',
    range: { readonly after?: string; readonly limit: number },
  ): readonly { readonly key: string }[];
  reject(reason: string, message: string, more?: { got?: string; expected?: string[] }): never;
}
interface Allotted {
  readonly ranges: readonly NumberRange[];
}

/** The reasons that `takeNumber` may give. */
export const NUMBER_REJECTS = ['no-number-left', 'number-not-allotted', 'number-used'] as const;

/** The number before or after another; undefined where there is none of 20 digits. */
export function neighbour(number: string, step: 1n | -1n): string | undefined {
  const next = BigInt(number) + step;
  if (next < 0n) return undefined;
  const text = next.toString().padStart(20, '0');
  return text.length === 20 ? text : undefined;
}

/** Takes the chosen number, or the next free one, and answers it with the ranges as they are then. */
export function takeNumber(
  context: NumberedContext,
  seller: Allotted,
  chosen: string | undefined,
): { readonly number: string; readonly ranges: NumberRange[] } {
  if (chosen !== undefined) return takeChosen(context, seller, chosen);
  for (const range of seller.ranges) {
    const number = firstFree(context, range);
    if (number !== null) return taken(seller, range, number, after(range, number));
  }
  return context.reject(
    'no-number-left',
    'The seller has no free number left; the tax bureau allots more.',
  );
}

/** The first number from `next` on that nobody chose before; null where the range has none. */
function firstFree(context: NumberedContext, range: NumberRange): string | null {
  let free = range.next;
  if (free === null || !context.get('invoice', free)) return free;
  let last: string = free;
  free = after(range, free);
  for (let page = 0; free !== null && page < SKIP_PAGES_MAX; page++) {
    const used = context.scan('invoice', { after: last, limit: SKIP_PAGE });
    for (const { key } of used) {
      if (key !== free) return free;
      last = key;
      free = after(range, key);
    }
    if (used.length < SKIP_PAGE) return free;
  }
  return null;
}

function takeChosen(context: NumberedContext, seller: Allotted, number: string) {
  // Texts of equal length compare like the numbers that they are.
  const range = seller.ranges.find(({ from, to }) => from <= number && number <= to);
  if (!range) {
    return context.reject('number-not-allotted', 'The number is in none of the seller’s ranges.', {
      got: number,
      expected: seller.ranges.map(({ from, to }) => `${from}-${to}`),
    });
  }
  if (context.get('invoice', number)) {
    return context.reject('number-used', 'The number was used already.', { got: number });
  }
  // A number chosen ahead leaves the gap before it to automatic numbering.
  return taken(seller, range, number, number === range.next ? after(range, number) : range.next);
}

function taken(seller: Allotted, range: NumberRange, number: string, next: string | null) {
  const ranges = seller.ranges.map((other) => (other === range ? { ...range, next } : other));
  return { number, ranges };
}

const after = (range: NumberRange, number: string): string | null =>
  number < range.to ? neighbour(number, 1n)! : null;

const RANGES_MAX = 100;

/** The reasons that `newRange` may give. */
export const RANGE_REJECTS = ['range-reversed', 'range-overlaps', 'too-many-ranges'] as const;

/** What is needed of a contract that has all ranges by their last numbers. */
interface RangesContext {
  scan(
    record: 'range',
    range: { readonly after?: string; readonly limit: number },
  ): readonly { readonly value: { readonly from: string; readonly to: string } }[];
  reject(reason: string, message: string, more?: { got: string; expected: string }): never;
}

/** A range beside those that a seller has; no two ranges of the contract share a number. */
export function newRange(
  context: RangesContext,
  ranges: readonly NumberRange[],
  from: string,
  to: string,
): NumberRange {
  // Texts of equal length compare like the numbers that they are.
  if (from > to) {
    context.reject('range-reversed', 'A range starts with its lowest number.', {
      got: from,
      expected: `at most ${to}`,
    });
  }
  const before = neighbour(from, -1n);
  const after = before === undefined ? {} : { after: before };
  const [nearest] = context.scan('range', { limit: 1, ...after });
  if (nearest && nearest.value.from <= to) {
    context.reject('range-overlaps', 'Some of these numbers are allotted already.', {
      got: `${from}-${to}`,
      expected: `none of ${nearest.value.from}-${nearest.value.to}`,
    });
  }
  if (ranges.length >= RANGES_MAX) {
    context.reject('too-many-ranges', `A merchant has ${RANGES_MAX} ranges at the most.`);
  }
  return { from, to, next: from };
}
