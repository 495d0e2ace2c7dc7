import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type MatchIndex,
  matchIndex,
} from '../../../../workloads/invoice/import/match-cancellations.ts';
import type { SourceDocument } from '../../../../workloads/invoice/import/source-record.ts';
import { taxedAmount } from '../../../../workloads/invoice/tax.ts';
import { documentOf } from '../market.ts';

interface Item {
  readonly code: string;
  readonly quantity: number;
  readonly fen: number;
  readonly rateBp?: number;
}

/** An invoice, or a cancellation where the quantities are negative. */
function record(reference: string, items: readonly Item[], customer: string | null = 'c') {
  const lines = items.map(({ code, quantity, fen, rateBp = 1300 }) => {
    const { net, tax } = taxedAmount(quantity * fen, rateBp, true);
    const unitPrice = (fen / 100).toFixed(2);
    return { description: code, code, quantity: `${quantity}`, unitPrice, net, rateBp, tax };
  });
  const made: SourceDocument = {
    kind: items[0]!.quantity < 0 ? 'cancellation' : 'invoice',
    line: 1,
    reference,
    document: documentOf(lines),
    ...(customer === null ? {} : { customer }),
  };
  return made;
}
const tea = (quantity: number, fen = 999): Item => ({ code: 'tea', quantity, fen });
const pen = (quantity: number): Item => ({ code: 'pen', quantity, fen: 150 });
const rice = (quantity: number): Item => ({ code: 'rice', quantity, fen: 3990, rateBp: 900 });

const indexOf = (...invoices: readonly SourceDocument[]): MatchIndex => {
  const index = matchIndex();
  for (const invoice of invoices) index.add(invoice);
  return index;
};
/** References with quantities taken from them, and the quantities left over. */
const matched = (index: MatchIndex, cancellation: SourceDocument) => {
  const { reversals, rest } = index.match(cancellation);
  return {
    taken: reversals.map(({ reference, covers }) => [
      reference,
      covers.map(({ code, quantity }) => `${code} ${quantity}`).join(),
    ]),
    rest: rest.map(({ code, quantity }) => `${code} ${quantity}`),
  };
};

describe('cancellations', () => {
  it('take back the newest invoice of the same customer, article and price', () => {
    const index = indexOf(
      record('1', [tea(5)]),
      record('2', [tea(5)]),
      record('3', [tea(5, 998)]),
      record('4', [tea(5)], 'other'),
      record('5', [{ ...tea(5), code: 'coffee' }]),
      record('6', [{ ...tea(5), rateBp: 900 }]),
    );
    assert.deepEqual(matched(index, record('C', [tea(-2)])), {
      taken: [['2', 'tea -2']],
      rest: [],
    });
  });

  it('go on to older ones, and leave over what none has', () => {
    const index = indexOf(record('1', [tea(3)]), record('2', [tea(2)]));
    assert.deepEqual(matched(index, record('C', [tea(-9)])), {
      taken: [
        ['2', 'tea -2'],
        ['1', 'tea -3'],
      ],
      rest: ['tea -4'],
    });
    assert.equal(index.size, 0);
  });

  it('use up what they matched', () => {
    const index = indexOf(record('1', [tea(3)]));
    assert.deepEqual(matched(index, record('C1', [tea(-2)])).rest, []);
    assert.deepEqual(matched(index, record('C2', [tea(-2)])), {
      taken: [['1', 'tea -1']],
      rest: ['tea -1'],
    });
    assert.deepEqual(matched(index, record('C3', [tea(-1)])), { taken: [], rest: ['tea -1'] });
  });

  it('reverse whole lines as lines, parts of lines as amounts by rate', () => {
    const index = indexOf(record('1', [tea(2), pen(3), rice(2), { ...pen(4), code: 'ink' }]));
    const { reversals } = index.match(
      record('C', [tea(-2), pen(-1), rice(-1), { ...pen(-1), code: 'ink' }]),
    );
    assert.deepEqual(
      reversals.map(({ reference, lines, amounts }) => ({ reference, lines, amounts })),
      [
        { reference: '1', lines: [0], amounts: undefined },
        {
          reference: '1',
          lines: undefined,
          amounts: [
            { category: 'standard', rateBp: 1300, net: 266, tax: 34 },
            { category: 'standard', rateBp: 900, net: 3661, tax: 329 },
          ],
        },
      ],
    );
  });

  it('take back the invoice that they name and no other', () => {
    const index = indexOf(record('1', [tea(3)]), record('2', [tea(3)]));
    const named = { ...record('C', [tea(-4)]), relatesTo: '1' };
    assert.deepEqual(matched(index, named), { taken: [['1', 'tea -3']], rest: ['tea -1'] });
    assert.equal(index.size, 1);
  });

  it('match nothing without a customer', () => {
    const index = indexOf(record('1', [tea(3)], null));
    assert.equal(index.size, 0);
    assert.deepEqual(matched(index, record('C', [tea(-1)], null)).rest, ['tea -1']);
  });

  it('match nothing where they also sell', () => {
    const index = indexOf(record('1', [tea(3)]));
    assert.deepEqual(matched(index, record('C', [tea(-3), pen(1)])), {
      taken: [],
      rest: ['tea -3', 'pen 1'],
    });
  });

  it('never match an invoice that comes later', () => {
    const index = matchIndex();
    assert.deepEqual(matched(index, record('C', [tea(-1)])).rest, ['tea -1']);
  });

  it('give up the oldest lines beyond the limit', () => {
    const index = matchIndex({ linesMax: 2 });
    for (const reference of ['1', '2', '3']) index.add(record(reference, [tea(1)]));
    assert.deepEqual([index.size, index.evicted], [2, 1]);
    assert.deepEqual(matched(index, record('C', [tea(-3)])), {
      taken: [
        ['3', 'tea -1'],
        ['2', 'tea -1'],
      ],
      rest: ['tea -1'],
    });
  });

  it('split exactly into reversals and rest, and never exceed what was sold', () => {
    const items = fc.array(
      fc.record({
        code: fc.constantFrom('tea', 'pen'),
        quantity: fc.integer({ min: 1, max: 5 }),
        fen: fc.constantFrom(999, 333, 1),
        rateBp: fc.constantFrom(0, 1300),
      }),
      { minLength: 1, maxLength: 4 },
    );
    const documents = fc.array(fc.tuple(items, fc.boolean(), fc.constantFrom('c', 'd')), {
      maxLength: 30,
    });
    fc.assert(
      fc.property(documents, (list) => {
        const index = matchIndex();
        const left = new Map<string, { net: number; tax: number }>();
        for (const [position, [items, isReturn, customer]] of list.entries()) {
          const reference = `${position}`;
          if (!isReturn) {
            const invoice = record(reference, items, customer);
            index.add(invoice);
            left.set(reference, { net: invoice.document.net, tax: invoice.document.tax });
            continue;
          }
          const back = items.map((item) => ({ ...item, quantity: -item.quantity }));
          const cancellation = record(reference, back, customer);
          const { reversals, rest } = index.match(cancellation);
          let { net, tax } = cancellation.document;
          for (const { covers, net: reversed, reference: of } of reversals) {
            const sum = covers.reduce((total, line) => total + line.net, 0);
            assert.ok(reversed > 0);
            assert.equal(sum, -reversed);
            net -= sum;
            tax -= covers.reduce((total, line) => total + line.tax, 0);
            left.get(of)!.net -= reversed;
          }
          for (const line of rest) {
            net -= line.net;
            tax -= line.tax;
          }
          assert.deepEqual([net, tax], [0, 0]);
        }
        for (const { net } of left.values()) assert.ok(net >= 0);
      }),
      { numRuns: 300 },
    );
  });
});
