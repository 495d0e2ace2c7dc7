/**
 * VAT arithmetic on integers: amounts in minor units (fen), rates in basis points (1300 = 13 %).
 * Rounding is half away from zero, so that a reversal is the exact mirror of its invoice.
 * The rules and where they come from are in docs/invoice.md.
 */
import type { InvoiceDocument, InvoiceLine, TaxCategory } from './document.ts';

/** 100 % in basis points. */
const WHOLE = 10_000;
/** Pairs of category and rate in one document. */
const RATES_MAX = 50;

/** What is taxed at one rate of one category, in minor units. */
export interface TaxGroup {
  readonly category: TaxCategory;
  readonly rateBp: number;
  readonly net: number;
  readonly tax: number;
}

/** An amount taken apart, in minor units: net + tax = gross. */
export interface TaxedAmount {
  readonly net: number;
  readonly tax: number;
  readonly gross: number;
}

/** What is wrong with a document: where (a path in it), what was found and what was expected. */
export interface DocumentProblem {
  readonly path: readonly (string | number)[];
  readonly got: number | string;
  readonly expected: number | string;
}

/** amount × numerator ÷ denominator (both positive), rounded half away from zero. */
function scaled(amount: number, numerator: number, denominator: number): number {
  const size = Math.abs(amount);
  const product = size * numerator;
  if (product <= Number.MAX_SAFE_INTEGER) {
    const rest = product % denominator;
    const quotient = (product - rest) / denominator + (rest * 2 >= denominator ? 1 : 0);
    return amount < 0 && quotient > 0 ? -quotient : quotient;
  }
  const large = BigInt(size) * BigInt(numerator) * 2n + BigInt(denominator);
  const quotient = Number(large / (BigInt(denominator) * 2n));
  return amount < 0 ? -quotient : quotient;
}

/** The tax on a net amount: round(net × rate). */
export const taxOnNet = (net: number, rateBp: number): number => scaled(net, rateBp, WHOLE);

/** The net amount in a tax-inclusive one: round(gross ÷ (1 + rate)). */
export const netInGross = (gross: number, rateBp: number): number =>
  scaled(gross, WHOLE, WHOLE + rateBp);

/** Net, tax and gross of a line whose amount excludes or includes its tax. */
export function taxedAmount(amount: number, rateBp: number, includesTax: boolean): TaxedAmount {
  if (includesTax) {
    const net = netInGross(amount, rateBp);
    return { net, tax: amount - net, gross: amount };
  }
  const tax = taxOnNet(amount, rateBp);
  return { net: amount, tax, gross: amount + tax };
}

/** Whether a tax follows from its net amount, or both from their sum as a tax-inclusive price. */
export const isTaxOf = (net: number, tax: number, rateBp: number): boolean =>
  tax === taxOnNet(net, rateBp) || net === netInGross(net + tax, rateBp);

/** A line's category; where it names none, the rate tells. */
export const categoryOf = (line: Pick<InvoiceLine, 'category' | 'rateBp'>): TaxCategory =>
  line.category ?? (line.rateBp > 0 ? 'standard' : 'zero');

/**
 * Net and tax of a document by category and rate, in the order of (category, rate). With rounding
 * `per-line` a group's tax is the sum of its lines', with `per-rate` it is round(Σ net × rate).
 */
export function taxGroups(document: Pick<InvoiceDocument, 'lines' | 'rounding'>): TaxGroup[] {
  const groups = new Map<string, { -readonly [K in keyof TaxGroup]: TaxGroup[K] }>();
  for (const line of document.lines) {
    const category = categoryOf(line);
    const { rateBp } = line;
    const key = groupKey({ category, rateBp });
    const group = groups.get(key) ?? { category, rateBp, net: 0, tax: 0 };
    group.net += line.net;
    group.tax += line.tax;
    groups.set(key, group);
  }
  const list = [...groups.values()];
  if (document.rounding === 'per-rate') {
    for (const group of list) group.tax = taxOnNet(group.net, group.rateBp);
  }
  return list.sort((a, b) =>
    a.category < b.category ? -1 : a.category > b.category ? 1 : a.rateBp - b.rateBp,
  );
}

/** The name of a group within a document: `standard/1300`. */
export const groupKey = ({ category, rateBp }: Pick<TaxGroup, 'category' | 'rateBp'>): string =>
  `${category}/${rateBp}`;

/** Whether an amount lies between nothing and a limit of either sign. */
export const isWithin = (limit: number, amount: number): boolean =>
  limit < 0 ? limit <= amount && amount <= 0 : 0 <= amount && amount <= limit;

/** Totals of groups, in minor units. */
export function totalOf(groups: readonly Pick<TaxGroup, 'net' | 'tax'>[]): TaxedAmount {
  let net = 0;
  let tax = 0;
  for (const group of groups) {
    net += group.net;
    tax += group.tax;
  }
  return { net, tax, gross: net + tax };
}

/** Fills in a document's totals, and with rounding `per-rate` its taxes, from its lines. */
export function withTotals(
  document: Omit<InvoiceDocument, 'net' | 'tax' | 'gross' | 'taxes'>,
): InvoiceDocument {
  const groups = taxGroups(document);
  const taxes = document.rounding === 'per-rate' ? { taxes: groups } : {};
  return { ...document, ...taxes, ...totalOf(groups) };
}

/** What is wrong with a document's arithmetic, first things first; undefined where all of it holds. */
export function documentProblem(document: InvoiceDocument): DocumentProblem | undefined {
  for (const [index, line] of document.lines.entries()) {
    const problem = lineProblem(line, document.rounding);
    if (problem) return { ...problem, path: ['lines', index, ...problem.path] };
  }
  const groups = taxGroups(document);
  if (groups.length > RATES_MAX) {
    return { path: ['lines'], got: groups.length, expected: `at most ${RATES_MAX} rates` };
  }
  const problem = taxesProblem(document, groups);
  if (problem) return problem;
  const totals = totalOf(groups);
  for (const field of ['net', 'tax', 'gross'] as const) {
    if (document[field] !== totals[field]) return wrong([field], document[field], totals[field]);
  }
  return undefined;
}

function lineProblem(
  line: InvoiceLine,
  rounding: InvoiceDocument['rounding'],
): DocumentProblem | undefined {
  const { net, tax, rateBp } = line;
  if ((categoryOf(line) === 'standard') !== rateBp > 0) {
    const expected = rateBp > 0 ? '0 in any category but standard' : 'above 0 in category standard';
    return { path: ['rateBp'], got: rateBp, expected };
  }
  if (rounding === 'per-rate') return tax === 0 ? undefined : wrong(['tax'], tax, 0);
  return isTaxOf(net, tax, rateBp) ? undefined : wrong(['tax'], tax, taxOnNet(net, rateBp));
}

function taxesProblem(
  { rounding, taxes }: InvoiceDocument,
  groups: readonly TaxGroup[],
): DocumentProblem | undefined {
  if (rounding === 'per-line') {
    if (!taxes) return undefined;
    return { path: ['taxes'], got: taxes.length, expected: 'none with rounding per-line' };
  }
  if (taxes?.length !== groups.length) return wrong(['taxes'], taxes?.length ?? 0, groups.length);
  const expected = new Map(groups.map((group) => [groupKey(group), group]));
  for (const [index, found] of taxes.entries()) {
    const key = groupKey(found);
    const group = expected.get(key);
    if (!group) {
      return { path: ['taxes', index], got: key, expected: [...expected.keys()].join(' or ') };
    }
    // Each group counts once, so that a repeated one can't stand in for one that is missing.
    expected.delete(key);
    for (const field of ['net', 'tax'] as const) {
      if (found[field] !== group[field]) {
        return wrong(['taxes', index, field], found[field], group[field]);
      }
    }
  }
  return undefined;
}

const wrong = (
  path: readonly (string | number)[],
  got: number,
  expected: number,
): DocumentProblem => ({ path, got, expected });
