import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  atScale,
  basisPoints,
  currencyExponent,
  formatDecimal,
  minorUnits,
  parseDecimal,
  product,
  quotient,
  roundedMinorUnits,
} from '../../../../workloads/invoice/import/decimal.ts';

describe('decimals', () => {
  it('read what files hold and nothing else', () => {
    assert.deepEqual(parseDecimal(' -2.50 '), { units: -250n, scale: 2 });
    assert.deepEqual(parseDecimal('+.5'), { units: 5n, scale: 1 });
    assert.deepEqual(parseDecimal('1,25', ','), { units: 125n, scale: 2 });
    for (const text of ['', '.', '-', '1e3', '1.2.3', '0x10', 'NaN', '1 000', '9'.repeat(19)]) {
      assert.equal(parseDecimal(text), undefined, text);
    }
    assert.equal(parseDecimal('1.000,25', ','), undefined);
  });

  it('are written in their shortest form, and read again as the same number', () => {
    assert.equal(formatDecimal({ units: -250n, scale: 2 }), '-2.5');
    assert.equal(formatDecimal({ units: 5n, scale: 3 }), '0.005');
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }),
        fc.nat(16),
        (units, scale) => {
          const again = parseDecimal(formatDecimal({ units, scale }))!;
          assert.equal(atScale(again, 18), units * 10n ** BigInt(18 - scale));
        },
      ),
    );
  });

  it('become minor units exactly or not at all', () => {
    assert.equal(minorUnits('182.2', 2), 18220);
    assert.equal(minorUnits('1.005', 2), undefined);
    assert.equal(minorUnits('1.0000', 0), 1);
    assert.equal(minorUnits('99999999999999999', 2), undefined);
  });

  it('are rounded half away from zero', () => {
    const rounded = (text: string) => roundedMinorUnits(parseDecimal(text)!, 2);
    assert.deepEqual(['1.005', '-1.005', '1.0049', '-1.0049'].map(rounded), [101, -101, 100, -100]);
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt({ min: 1n }), (numerator, denominator) => {
        const distance = quotient(numerator, denominator) * denominator - numerator;
        const size = distance < 0n ? -distance : distance;
        assert.ok(size * 2n <= denominator);
      }),
    );
  });

  it('multiply exactly where floating point does not', () => {
    const total = product(parseDecimal('3')!, parseDecimal('1.1')!);
    assert.equal(roundedMinorUnits(total, 2), 330);
    assert.equal(formatDecimal(total), '3.3');
  });

  it('know rates in percent and the minor units of currencies', () => {
    assert.deepEqual(['13%', '6.5', '0', '100', '101', '-1', '0.001'].map(basisPoints), [
      1300,
      650,
      0,
      10_000,
      undefined,
      undefined,
      undefined,
    ]);
    assert.deepEqual(
      ['CNY', 'JPY', 'KWD', 'CLF', 'constructor'].map(currencyExponent),
      [2, 0, 3, 4, 2],
    );
  });
});
