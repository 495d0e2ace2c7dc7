/** Vouchers in their forms: what is written is read again by the readers of imports as the same document. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { csvOf } from '../../../node/vouchers/csv.ts';
import { ublOf } from '../../../node/vouchers/ubl.ts';
import type { Invoice } from '../../../workloads/einvoice/records.ts';
import { capitals, moneyText } from '../../../workloads/einvoice-vouchers/amount-text.ts';
import { jsonLine } from '../../../workloads/einvoice-vouchers/json.ts';
import { checkUrl, dataText } from '../../../workloads/einvoice-vouchers/qr.ts';
import {
  creditVoucher,
  invoiceVoucher,
  noteVoucher,
  type Voucher,
} from '../../../workloads/einvoice-vouchers/voucher.ts';
import type { InvoiceDocument, InvoiceLine } from '../../../workloads/invoice/document.ts';
import { readCsv } from '../../../workloads/invoice/import/csv.ts';
import { CsvMappingSchema } from '../../../workloads/invoice/import/csv-mapping.ts';
import { readJsonLines } from '../../../workloads/invoice/import/json-lines.ts';
import { readUbl } from '../../../workloads/invoice/import/ubl.ts';
import { documentProblem, taxOnNet, withTotals } from '../../../workloads/invoice/tax.ts';
import { number } from '../einvoice/parties.ts';
import { all, chunks, only } from '../invoice/import/reading.ts';
import { documentOf, lines } from '../invoice/market.ts';

const SELLER = { name: '巷口便利店', taxId: '91440300MA5FABCD7X' };
const BUYER = { name: 'Works & Co. <"Ltd">', taxId: 'DE123456789' };
const CODE = '01234567890123456789';

const record = (more: Partial<Invoice> = {}): Invoice => ({
  ...{
    number: number(901),
    seller: 'corner-shop',
    issuedAt: Date.UTC(2026, 2, 2),
    status: 'issued',
  },
  ...{ currency: 'CNY', transaction: 'a'.repeat(64), holding: 'a'.repeat(64), payments: [] },
  ...{ check: '', claim: null, declaredIn: null, counterpart: null, parts: [] },
  ...more,
});

/** The hidden values of an invoice over a document, and what is no part of that. */
const hidden = ({ currency: _, rounding: __, ...rest }: InvoiceDocument) => ({
  ...{ ...rest, checkCode: CODE, to: 'works', attachments: [{ key: 'opens a file' }] },
});
const voucherOf = (document: InvoiceDocument, more: Partial<Invoice> = {}): Voucher =>
  invoiceVoucher({
    record: record({ currency: document.currency, ...more }),
    values: hidden(document),
  });

const text = fc
  .string({ minLength: 1, maxLength: 30, unit: 'grapheme' })
  // Readers take white space at the ends, and several together, as one: it means nothing.
  .map((one) => one.trim().replace(/\s+/g, ' ') || 'x');
const line = fc
  .record({
    description: text,
    code: fc.option(fc.stringMatching(/^[A-Z0-9]{1,10}$/), { nil: undefined }),
    quantity: fc.integer({ min: 1, max: 999 }).map(String),
    unitPrice: fc.integer({ min: 1, max: 99_999 }).map(String),
    net: fc.integer({ min: 1, max: 100_000_000 }),
    rateBp: fc.constantFrom(0, 50, 300, 600, 900, 1300, 1900),
  })
  .map(
    ({ code, rateBp, net, ...rest }): InvoiceLine => ({
      ...rest,
      ...(code !== undefined && { code }),
      ...{ unit: 'C62', net, rateBp, tax: taxOnNet(net, rateBp) },
      category: rateBp > 0 ? 'standard' : 'zero',
    }),
  );
const document = fc
  .record({
    lines: fc.array(line, { minLength: 1, maxLength: 6 }),
    rounding: fc.constantFrom('per-line' as const, 'per-rate' as const),
    currency: fc.constantFrom('CNY', 'JPY', 'KWD'),
    buyer: text,
  })
  .map(({ rounding, buyer, ...rest }) =>
    withTotals({
      ...{ ...rest, rounding, seller: SELLER, buyer: { ...BUYER, name: buyer } },
      issuedOn: '2026-03-01',
      lines: rest.lines.map((one) => (rounding === 'per-rate' ? { ...one, tax: 0 } : one)),
    }),
  );

describe('a voucher', () => {
  it('is read again from JSON lines as it was', async () => {
    await fc.assert(
      fc.asyncProperty(document, async (issued) => {
        const voucher = voucherOf(issued);
        const read = only(await all(readJsonLines(chunks(`${jsonLine(voucher)}\n`, 4096))));
        assert.deepEqual(read.document, issued);
        assert.deepEqual([read.kind, read.reference], ['invoice', number(901)]);
      }),
      { numRuns: 50 },
    );
  });

  it('is read again from UBL: the same parties, lines and amounts, whatever stands in its texts', async () => {
    await fc.assert(
      fc.asyncProperty(document, async (issued) => {
        const xml = ublOf(voucherOf(issued));
        const read = only(await all(readUbl(chunks(xml, 4096))));
        assert.equal(documentProblem(read.document), undefined);
        // UBL does not say where tax was rounded; where both ways give the same it is read as by rate.
        const { rounding: _, taxes: __, lines: found, ...totals } = read.document;
        const { rounding: ___, taxes: ____, lines: given, ...expected } = issued;
        assert.deepEqual(totals, expected);
        const bare = (list: readonly InvoiceLine[]) => list.map(({ tax: _tax, ...rest }) => rest);
        assert.deepEqual(bare(found), bare(given));
      }),
      { numRuns: 100 },
    );
  });

  it('is read again from CSV', async () => {
    const issued = documentOf(
      [
        { description: '=1+1', net: 10_000, rateBp: 1300, tax: 1300, quantity: '2', code: 'T-1' },
        { description: 'Tea, "green"\nloose', net: -500, rateBp: 600, tax: -30 },
      ],
      { seller: SELLER, buyer: BUYER },
    );
    const csv = csvOf([voucherOf(issued), voucherOf(issued, { number: number(902) })]);
    assert.ok(csv.startsWith('\ufeffnumber,kind,status,'));
    assert.ok(csv.includes("'=1+1"), 'a spreadsheet computes nothing of it');
    const mapping = CsvMappingSchema.parse({
      columns: {
        ...{ reference: 'number', date: 'date', description: 'description', code: 'code' },
        ...{ amount: 'net', rate: 'rate', buyerName: 'buyer', buyerTaxId: 'buyerTaxId' },
      },
      ...{ priceIncludesTax: false, seller: SELLER },
    });
    const read = await all(readCsv(chunks(csv), mapping));
    assert.equal(read.length, 2);
    for (const [index, one] of read.entries()) {
      assert.ok(one.kind === 'invoice', JSON.stringify(one));
      assert.equal(one.reference, number(901 + index));
      assert.deepEqual(
        [one.document.net, one.document.tax, one.document.gross, one.document.buyer],
        [issued.net, issued.tax, issued.gross, BUYER],
      );
    }
  });

  const whole = documentOf(lines([10_000, 1300], [5000, 600]), { seller: SELLER, buyer: BUYER });
  const original = { record: record({ status: 'reversed' }), values: hidden(whole) };
  const note = { number: number(902), status: 'note', counterpart: number(901) } as const;
  const {
    seller: _s,
    buyer: _b,
    currency: _c,
    rounding: _r,
    ...part
  } = documentOf(lines([2000, 1300]));

  it('of a note over all takes back the invoice, as a credit note that names it', async () => {
    const voucher = noteVoucher(
      { record: record(note), values: { reason: 'goods-returned' } },
      original,
      [],
    )!;
    assert.equal(voucher.document.gross, -whole.gross);
    assert.equal(documentProblem(voucher.document), undefined);
    const read = only(await all(readUbl(chunks(ublOf(voucher), 4096))));
    assert.deepEqual([read.kind, read.relatesTo], ['cancellation', number(901)]);
    assert.equal(read.document.gross, -whole.gross);
    const json = only(await all(readJsonLines(chunks(`${jsonLine(voucher)}\n`))));
    assert.deepEqual([json.kind, json.relatesTo], ['cancellation', number(901)]);
  });

  it('of a note to an invoice elsewhere names it as its seller did, and reads as what was written', async () => {
    const { currency: _, rounding: __, ...amounts } = whole;
    const values = { ...amounts, original: 'B-9', reason: 'goods-returned', to: 'buyer-co' };
    const alone = { ...note, counterpart: null };
    const voucher = creditVoucher({ record: record(alone), values });
    assert.deepEqual([voucher.kind, voucher.of], ['note', 'B-9']);
    assert.equal(voucher.document.gross, -whole.gross);
    assert.equal(documentProblem(voucher.document), undefined);
    assert.ok(!('to' in voucher.document) && !('reason' in voucher.document));
    const read = only(await all(readUbl(chunks(ublOf(voucher), 4096))));
    assert.deepEqual([read.kind, read.relatesTo], ['cancellation', 'B-9']);
    assert.equal(read.document.gross, -whole.gross);
    const json = only(await all(readJsonLines(chunks(`${jsonLine(voucher)}\n`))));
    assert.deepEqual([json.kind, json.relatesTo], ['cancellation', 'B-9']);
  });

  it('of a note over a part takes back that, and one over the rest what was left at each rate', () => {
    const partly = noteVoucher({ record: record(note), values: part }, original, [])!;
    assert.deepEqual([partly.document.net, partly.document.tax], [-2000, -260]);
    assert.equal(partly.document.seller, whole.seller);
    const rest = noteVoucher({ record: record(note), values: { reason: 'other' } }, original, [
      part,
    ])!;
    assert.equal(partly.document.gross + rest.document.gross, -whole.gross);
    assert.deepEqual(
      rest.document.lines.map(({ net, rateBp }) => [net, rateBp]),
      [
        [-5000, 600],
        [-8000, 1300],
      ],
    );
    const unknown = noteVoucher({ record: record(note), values: {} }, original, [undefined]);
    assert.equal(unknown, undefined);
  });

  it('has codes for expense systems and for whoever asks whether it is valid', () => {
    const voucher = voucherOf(whole);
    assert.equal(dataText(voucher), `01,32,,${number(901)},166.00,20260301,${CODE},`);
    assert.equal(
      checkUrl('https://gate.example/v1/consortia/demo', voucher),
      `https://gate.example/v1/consortia/demo/einvoices/${number(901)}/check?issuedOn=2026-03-01&code=${CODE}`,
    );
  });
});

describe('an amount', () => {
  it('has all decimals of its currency', () => {
    const texts = [moneyText('CNY', -5), moneyText('JPY', 1300), moneyText('KWD', 1)];
    assert.deepEqual(texts, ['-0.05', '1300', '0.001']);
  });

  it('is written in capitals, with a zero for what is empty between', () => {
    const cases: readonly (readonly [number, string])[] = [
      [0, '零圆整'],
      [5, '伍分'],
      [50, '伍角整'],
      [105, '壹圆零伍分'],
      [106_000, '壹仟零陆拾圆整'],
      [1_000_000_100, '壹仟万零壹圆整'],
      [10_010_000_00, '壹仟零壹万圆整'],
      [100_000_005_000_00, '壹仟亿零伍仟圆整'],
      [-15_000, '（负数）壹佰伍拾圆整'],
    ];
    for (const [minor, text] of cases) assert.equal(capitals(minor), text);
  });
});
