import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type InvoiceDocument,
  InvoiceDocumentSchema,
  type InvoiceLine,
} from '../../../workloads/invoice/document.ts';
import {
  documentProblem,
  isTaxOf,
  netInGross,
  taxedAmount,
  taxGroups,
  taxOnNet,
  withTotals,
} from '../../../workloads/invoice/tax.ts';

const amounts = fc.integer({ min: -1_000_000_000_000, max: 1_000_000_000_000 });
const rates = fc.integer({ min: 0, max: 10_000 });

const draft = (lines: InvoiceLine[], rounding: 'per-line' | 'per-rate') => ({
  currency: 'CNY',
  seller: { name: 'Corner shop' },
  buyer: { name: 'Buyer' },
  issuedOn: '2026-03-01',
  lines,
  rounding,
});

const issues = (document: InvoiceDocument): string[] =>
  (InvoiceDocumentSchema.safeParse(document).error?.issues ?? []).map(
    (issue) => `/${issue.path.join('/')}: ${issue.message}`,
  );

describe('rounding', () => {
  it('rounds halves away from zero on both sides', () => {
    assert.equal(taxOnNet(50, 100), 1);
    assert.equal(taxOnNet(-50, 100), -1);
    assert.equal(taxOnNet(49, 100), 0);
    assert.equal(Object.is(taxOnNet(-49, 100), 0), true);
  });

  it('takes 13 % out of a tax-inclusive price', () => {
    assert.deepEqual(taxedAmount(11_300, 1300, true), { net: 10_000, tax: 1300, gross: 11_300 });
    assert.deepEqual(taxedAmount(100, 1300, true), { net: 88, tax: 12, gross: 100 });
  });

  it('agrees with rational arithmetic for every amount, also where products pass 2^53', () => {
    fc.assert(
      fc.property(amounts, rates, (amount, rateBp) => {
        assert.equal(taxOnNet(amount, rateBp), exact(amount, rateBp, 10_000));
        assert.equal(netInGross(amount, rateBp), exact(amount, 10_000, 10_000 + rateBp));
      }),
      { numRuns: 500 },
    );
  });

  it('mirrors: the tax on the negative is the negative of the tax', () => {
    fc.assert(
      fc.property(amounts, rates, (amount, rateBp) => {
        assert.equal(taxOnNet(-amount, rateBp) + taxOnNet(amount, rateBp), 0);
        assert.equal(netInGross(-amount, rateBp) + netInGross(amount, rateBp), 0);
      }),
      { numRuns: 300 },
    );
  });

  it('accepts its own results, with and without tax in the price', () => {
    fc.assert(
      fc.property(amounts, rates, fc.boolean(), (amount, rateBp, includesTax) => {
        const { net, tax, gross } = taxedAmount(amount, rateBp, includesTax);
        assert.equal(net + tax, gross);
        assert.equal(isTaxOf(net, tax, rateBp), true);
        assert.equal(isTaxOf(net, tax + 2, rateBp), false);
      }),
      { numRuns: 300 },
    );
  });
});

describe('a document', () => {
  const lines: InvoiceLine[] = [
    { description: 'Tea', net: 5, rateBp: 1300, tax: 1 },
    { description: 'Tea', net: 5, rateBp: 1300, tax: 1 },
    { description: 'Book', net: 100, rateBp: 0, tax: 0, category: 'exempt' },
  ];

  it('sums the tax of its lines with rounding per line', () => {
    const document = withTotals(draft(lines, 'per-line'));
    assert.deepEqual([document.net, document.tax, document.gross], [110, 2, 112]);
    assert.equal(documentProblem(document), undefined);
  });

  it('rounds once for each rate with rounding per rate', () => {
    const untaxed = lines.map((line) => ({ ...line, tax: 0 }));
    const document = withTotals(draft(untaxed, 'per-rate'));
    assert.deepEqual(document.taxes, [
      { category: 'exempt', rateBp: 0, net: 100, tax: 0 },
      { category: 'standard', rateBp: 1300, net: 10, tax: 1 },
    ]);
    assert.equal(document.gross, 111);
    assert.equal(documentProblem(document), undefined);
  });

  it('is refused with the field, what was found and what was expected', () => {
    const good = withTotals(draft(lines, 'per-line'));
    assert.deepEqual(issues({ ...good, gross: 113 }), ['/gross: found 113, expected 112']);
    assert.deepEqual(issues({ ...good, lines: [{ ...lines[0]!, tax: 3 }, ...lines.slice(1)] }), [
      '/lines/0/tax: found 3, expected 1',
    ]);
    assert.match(
      issues({ ...good, taxes: taxGroups(good) })[0]!,
      /^\/taxes: found 2, expected none/,
    );
    const unknownRate = [{ ...lines[0]!, category: 'exempt' as const }];
    assert.match(issues({ ...good, lines: unknownRate })[0]!, /^\/lines\/0\/rateBp: found 1300/);
  });

  it('is refused where a group of its taxes is missing, repeated or wrong', () => {
    const good = withTotals(
      draft(
        lines.map((line) => ({ ...line, tax: 0 })),
        'per-rate',
      ),
    );
    const [exempt, standard] = good.taxes as [never, never];
    assert.deepEqual(issues({ ...good, taxes: [standard] }), ['/taxes: found 1, expected 2']);
    assert.match(issues({ ...good, taxes: [standard, standard] })[0]!, /^\/taxes\/1: /);
    const off = { ...(standard as object), tax: 2 } as never;
    assert.deepEqual(issues({ ...good, taxes: [exempt, off] }), [
      '/taxes/1/tax: found 2, expected 1',
    ]);
  });

  it('is refused where a date does not exist or an unknown field stands', () => {
    const good = withTotals(draft(lines, 'per-line'));
    assert.equal(issues({ ...good, issuedOn: '2026-02-30' }).length, 1);
    assert.equal(issues({ ...good, extra: 1 } as never).length, 1);
  });
});

/** amount × numerator ÷ denominator, half away from zero, the slow way. */
function exact(amount: number, numerator: number, denominator: number): number {
  const twice = BigInt(Math.abs(amount)) * BigInt(numerator) * 2n;
  const size = Number((twice + BigInt(denominator)) / (2n * BigInt(denominator)));
  return amount < 0 ? 0 - size : size;
}
