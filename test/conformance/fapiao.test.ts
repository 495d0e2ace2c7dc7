/**
 * VAT on Chinese invoices against what another implementation computed: nine invoices with
 * tax-inclusive and tax-exclusive prices. Net, tax and gross must be equal to the cent.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { capitals } from '../../workloads/einvoice-vouchers/amount-text.ts';
import { dataText } from '../../workloads/einvoice-vouchers/qr.ts';
import { InvoiceDocumentSchema } from '../../workloads/invoice/document.ts';
import { taxedAmount, withTotals } from '../../workloads/invoice/tax.ts';
import { vectorsFolder } from './vectors.ts';

interface Case {
  name: string;
  invoice: {
    hjje: number | string;
    hjse: number | string;
    jshj: number | string;
    fyxm: { hsbz: 0 | 1; spmc: string; je: number; sl: number; se: number | string }[];
  };
}

describe('the tax calculation of Chinese invoices', () => {
  if (vectorsFolder === undefined) {
    it('was not run: the folder of external data is absent', () => {});
    return;
  }
  const file = join(vectorsFolder, 'invoice/cn-fapiao/tax-calculation.json');
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Case[] };

  it('covers the nine published invoices', () => assert.equal(cases.length, 9));

  for (const { name, invoice } of cases) {
    it(`agrees to the cent on ${name}`, () => {
      const lines = invoice.fyxm.map((item) => {
        const rateBp = cents(item.sl) * 100;
        const { net, tax } = taxedAmount(cents(item.je), rateBp, item.hsbz === 1);
        assert.equal(tax, cents(item.se), item.spmc);
        return { description: item.spmc, net, tax, rateBp };
      });
      const document = withTotals({
        currency: 'CNY',
        seller: { name: 'seller' },
        buyer: { name: 'buyer' },
        issuedOn: '2026-01-01',
        rounding: 'per-line',
        lines,
      });
      assert.deepEqual(
        [document.net, document.tax, document.gross],
        [cents(invoice.hjje), cents(invoice.hjse), cents(invoice.jshj)],
      );
      assert.equal(InvoiceDocumentSchema.safeParse(document).success, true);
    });
  }
});

describe('an amount in capitals', () => {
  if (vectorsFolder === undefined) {
    it('was not compared: the folder of external data is absent', () => {});
    return;
  }
  const file = join(vectorsFolder, 'invoice/cn-fapiao/einvoice-fields.json');
  const { capitals: cases } = JSON.parse(readFileSync(file, 'utf8')) as {
    capitals: { amount: string; capitals: string }[];
  };
  for (const { amount, capitals: text } of cases) {
    it(`is as invoices have it: ${amount}`, () => {
      // 元 and 圆 are both in use, and so is a zero before tenths or none.
      const plain = (one: string) => one.replaceAll('元', '圆').replaceAll('圆零', '圆');
      assert.equal(plain(capitals(cents(amount))), plain(text));
    });
  }
});

describe('the data code of an invoice', () => {
  if (vectorsFolder === undefined) {
    it('was not compared: the folder of external data is absent', () => {});
    return;
  }
  const file = join(vectorsFolder, 'invoice/cn-fapiao/qr.json');
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as {
    cases: {
      qr: string;
      ok: boolean;
      kind?: string;
      number?: string;
      amount?: string;
      date?: string;
    }[];
  };
  const digital = cases.filter(({ ok, kind }) => ok && kind === '32');
  assert.ok(digital.length > 0);
  for (const { qr, number, amount, date } of digital) {
    it(`is what is on the paper: ${qr}`, () => {
      const document = { currency: 'CNY', gross: cents(amount!), issuedOn: date! };
      const text = dataText({ number: number!, document } as never);
      // The last field is a checksum whose rule nobody has published.
      assert.deepEqual(text.split(',').slice(0, 7), qr.split(',').slice(0, 7));
    });
  }
});

/** Hundredths of a decimal number of at most two decimals, exactly. */
function cents(value: number | string): number {
  const [whole = '', decimals = ''] = String(value).split('.');
  assert.ok(decimals.length <= 2, `more than two decimals: ${value}`);
  return Number(`${whole}${decimals.padEnd(2, '0')}`);
}
