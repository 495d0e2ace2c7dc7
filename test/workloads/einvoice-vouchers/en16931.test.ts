/** Vouchers as UBL break none of the standard's own rules: its makers' schemas and Schematron are run over them. */
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { ublOf } from '../../../node/vouchers/ubl.ts';
import type { Invoice } from '../../../workloads/einvoice/records.ts';
import {
  invoiceVoucher,
  noteVoucher,
  type Voucher,
} from '../../../workloads/einvoice-vouchers/voucher.ts';
import type { InvoiceDocument, TaxCategory } from '../../../workloads/invoice/document.ts';
import { taxOnNet, withTotals } from '../../../workloads/invoice/tax.ts';
import { type Checked, checkUbl } from '../../support/en16931/check.ts';
import { number } from '../einvoice/parties.ts';

/** What a Chinese shop has is no VAT number, what a European one has is. */
const SHOP = { name: '巷口便利店', taxId: '91440300MA5FABCD7X' };
const LADEN = { name: 'Laden an der Ecke', taxId: 'DE987654321' };

const record = (more: Partial<Invoice>): Invoice => ({
  ...{ number: number(901), seller: 'corner-shop', issuedAt: Date.UTC(2026, 2, 2) },
  ...{ status: 'issued', currency: 'EUR', transaction: 'a'.repeat(64), holding: 'a'.repeat(64) },
  ...{ payments: [], check: '', claim: null, declaredIn: null, counterpart: null, parts: [] },
  ...more,
});

const lineOf = (category: TaxCategory) =>
  fc
    .record({
      description: fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }),
      quantity: fc.option(fc.integer({ min: 1, max: 999 }).map(String), { nil: undefined }),
      net: fc.integer({ min: 1, max: 100_000_000 }),
      rateBp: category === 'standard' ? fc.constantFrom(300, 600, 1300) : fc.constant(0),
    })
    .map(({ quantity, ...rest }) => ({
      ...{ ...rest, category, tax: taxOnNet(rest.net, rest.rateBp) },
      description: rest.description.trim() || 'x',
      ...(quantity !== undefined && { quantity, unitPrice: '2.5', unit: 'C62' }),
    }));

const documentWith = (categories: readonly TaxCategory[], seller: object) =>
  fc
    .record({
      lines: fc.array(fc.oneof(...categories.map(lineOf)), {
        minLength: 1,
        maxLength: 5,
        size: 'max',
      }),
      rounding: fc.constantFrom('per-line', 'per-rate'),
      currency: fc.constantFrom('CNY', 'EUR', 'JPY'),
    })
    .map(
      ({ rounding, lines, currency }): InvoiceDocument =>
        withTotals({
          ...{ rounding, currency, seller, issuedOn: '2026-03-01' },
          buyer: { name: 'Works & Co. <"Ltd">', taxId: 'FR12345678901' },
          lines: lines.map((one) => (rounding === 'per-rate' ? { ...one, tax: 0 } : one)),
        } as InvoiceDocument),
    );

/** What an invoice here has all of what its category asks for. */
const document = fc.oneof(
  documentWith(['standard', 'zero', 'exempt', 'reverse-charge'], SHOP),
  documentWith(['standard', 'zero', 'exempt', 'reverse-charge', 'export'], LADEN),
  documentWith(['out-of-scope'], SHOP),
  documentWith(['out-of-scope'], LADEN),
);

const valuesOf = ({ currency: _, rounding: __, ...rest }: InvoiceDocument) => ({
  ...{ ...rest, checkCode: '01234567890123456789', to: 'works' },
});

function noteOver(issued: InvoiceDocument): Voucher {
  const { currency } = issued;
  const original = { record: record({ currency, status: 'reversed' }), values: valuesOf(issued) };
  const note = record({ currency, number: number(902), status: 'note', counterpart: number(901) });
  return noteVoucher({ record: note, values: { reason: 'returned' } }, original, [])!;
}

const RUNS = 60;

describe('a voucher in UBL', () => {
  let issued: InvoiceDocument[];
  let checked: Checked[];
  before(() => {
    issued = fc.sample(document, { numRuns: RUNS, seed: 11 });
    const vouchers = issued.flatMap((one): Voucher[] => [
      invoiceVoucher({ record: record({ currency: one.currency }), values: valuesOf(one) }),
      noteOver(one),
    ]);
    const whole = vouchers.map((voucher) => ublOf(voucher));
    // An amount that was changed, and an element that UBL has not.
    const wrong = whole[0]!.replace(/(<cbc:TaxInclusiveAmount[^>]*>)[^<]*/, '$10.01');
    const strange = whole[0]!.replace('<cbc:ID>', '<cbc:Strange>1</cbc:Strange><cbc:ID>');
    checked = checkUbl([...whole, wrong, strange]);
  });

  it('breaks no rule, whatever its tax categories: neither invoices nor credit notes do', () => {
    const broken = checked
      .slice(0, 2 * RUNS)
      .flatMap(({ found }, index) =>
        found.map((one) => `${index % 2 === 0 ? 'invoice' : 'note'}: ${one}`),
      );
    assert.deepEqual([...new Set(broken)], []);
    assert.ok(checked.slice(0, 2 * RUNS).every(({ rules }) => rules > 20));
  });

  it('would be found where it did', () => {
    const [wrong, strange] = checked.slice(2 * RUNS);
    assert.match(wrong!.found.join('\n'), /\[BR-CO-15\]/);
    assert.match(strange!.found.join('\n'), /XSD .*Strange/);
  });
});
