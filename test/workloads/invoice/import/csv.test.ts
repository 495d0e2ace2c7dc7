import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readCsv } from '../../../../workloads/invoice/import/csv.ts';
import {
  CSV_PRESETS,
  type CsvMapping,
  CsvMappingSchema,
  presetFor,
} from '../../../../workloads/invoice/import/csv-mapping.ts';
import { all, chunks, only, short } from './reading.ts';

const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const retail = CSV_PRESETS['online-retail']!;
const row = (
  reference: string,
  quantity: number,
  price: string,
  customer = '17850',
  text = 'MUG',
) => `${reference},85123A,${text},${quantity},2010-12-01 08:26:00,${price},${customer},UK`;
const read = (rows: readonly string[], mapping: CsvMapping = retail) =>
  all(readCsv(chunks([HEADER, ...rows, ''].join('\n')), mapping));

describe('the CSV reader', () => {
  it('makes one invoice of consecutive rows, with exact amounts', async () => {
    const rows = [row('1', 3, '1.1'), row('1', 2, '0.85'), row('2', 1, '2.55')];
    const [first, second] = await read(rows);
    assert.ok(first?.kind === 'invoice' && second?.kind === 'invoice');
    assert.deepEqual([first.line, first.reference, first.document.gross], [2, '1', 500]);
    assert.deepEqual([first.customer, first.at], ['17850', '2010-12-01T08:26:00']);
    assert.equal(first.document.issuedOn, '2010-12-01');
    assert.deepEqual(first.document.lines[0], {
      description: 'MUG',
      code: '85123A',
      quantity: '3',
      unitPrice: '1.1',
      net: 330,
      rateBp: 0,
      tax: 0,
      category: 'out-of-scope',
    });
    assert.deepEqual([second.line, second.document.gross], [4, 255]);
  });

  it('keeps quotes, commas, line ends and every script in a description', async () => {
    const text = '"HOOK, ""1"" HANGER\n礼品 ☂"';
    const record = only(await read([row('1', 1, '2.5', '', text)]));
    assert.equal(record.document.lines[0]!.description, 'HOOK, "1" HANGER\n礼品 ☂');
    assert.equal(record.customer, undefined);
    assert.equal(record.document.buyer.name, 'Anonymous');
  });

  it('names a row without description by its code', async () => {
    const record = only(await read([row('1', 1, '2.5', '', '')]));
    assert.equal(record.document.lines[0]!.description, '85123A');
  });

  it('takes a row without quantity or price by its amount, and refuses it where they make the amount', async () => {
    const columns = { reference: 'no', date: 'date', quantity: 'n', unitPrice: 'price' };
    const more = { rateBp: 0, seller: { name: 'Shop' } };
    const [counted, named] = [columns, { ...columns, amount: 'sum' }].map((of) =>
      CsvMappingSchema.parse({ columns: of, ...more }),
    );
    const text = 'no,date,n,price,sum\nA,2026-03-01,2,1.50,3.00\nA,2026-03-01,,,0.80\n';
    const record = only(await all(readCsv(chunks(text), named!)));
    const [first, fee] = record.document.lines;
    assert.deepEqual([first!.quantity, first!.unitPrice, first!.net], ['2', '1.5', 300]);
    assert.deepEqual([fee!.net, 'quantity' in fee!, 'unitPrice' in fee!], [80, false, false]);
    const [refused] = await all(readCsv(chunks(text), counted!));
    assert.ok(refused?.kind === 'refused');
    assert.equal(refused.expected, 'a decimal number in n');
  });

  it('keeps rows over nothing beside others', async () => {
    const record = only(await read([row('1', 1, '0.0'), row('1', 1, '2.5')]));
    assert.deepEqual([record.document.lines.length, record.document.gross], [2, 250]);
  });

  it('reads the marked references as cancellations', async () => {
    const [record] = await read([row('C1', -2, '4.25')]);
    assert.ok(record?.kind === 'cancellation');
    assert.equal(record.document.gross, -850);
    assert.equal(record.document.lines[0]!.quantity, '-2');
  });

  it('refuses what is no invoice, with its amount', async () => {
    const records = await read([row('1', -5, '0.0'), row('2', -1, '3.5'), row('C3', 1, '3.5')]);
    assert.deepEqual(short(records), [
      'refused 1 zero-total',
      'refused 2 negative-total',
      'refused C3 positive-cancellation',
    ]);
    assert.deepEqual(
      records.map((record) => record.kind === 'refused' && record.amount),
      [0, -350, 350].map((minor) => ({ currency: 'GBP', minor })),
    );
  });

  it('refuses an invoice as a whole for one bad cell, and still says its amount', async () => {
    const records = await read([
      row('1', 2, '2.5'),
      row('1', 1, 'x'),
      row('1', 1, '1'),
      row('2', 1, '1'),
    ]);
    assert.deepEqual(records[0], {
      kind: 'refused',
      line: 3,
      reference: '1',
      reason: 'invalid-document',
      got: 'x',
      expected: 'a decimal number in UnitPrice',
      amount: { currency: 'GBP', minor: 600 },
    });
    assert.deepEqual(short(records.slice(1)), ['invoice 2 100']);
  });

  it('refuses a row with too few or too many fields', async () => {
    const records = await read(['1,a,b', `${row('2', 1, '1')},more`, row('3', 1, '1')]);
    assert.deepEqual(short(records), [
      'refused 1 invalid-document',
      'refused 2 invalid-document',
      'invoice 3 100',
    ]);
  });

  it('never issues an invoice without a row that could not be read', async () => {
    const broken = row('1', 1, '1', '17850', 'a "quote" inside');
    const records = await read([row('1', 1, '1'), broken, row('2', 1, '1'), row('3', 1, '1')]);
    assert.deepEqual(short(records), [
      'refused - malformed-csv',
      'refused 1 malformed-csv',
      'refused 2 malformed-csv',
      'invoice 3 100',
    ]);
    const atEnd = await read([row('1', 1, '1'), broken]);
    assert.deepEqual(short(atEnd), ['refused - malformed-csv', 'refused 1 malformed-csv']);
  });

  it('stops with a refusal at a quote that never ends, without reading on for ever', async () => {
    async function* endless() {
      yield Buffer.from(`${HEADER}\n${row('1', 1, '1')}\n2,"`);
      for (let read = 0; read < 64; read++) yield Buffer.alloc(64 * 1024, 'x');
      assert.fail('it read on');
    }
    assert.deepEqual(short(await all(readCsv(endless(), retail))), [
      'refused - malformed-csv',
      'refused 1 malformed-csv',
    ]);
  });

  it('notices rows that come after other invoices', async () => {
    const records = await read([row('1', 1, '1'), row('2', 1, '1'), row('1', 1, '2')]);
    assert.deepEqual(short(records), [
      'invoice 1 100',
      'invoice 2 100',
      'refused 1 not-consecutive',
    ]);
  });

  it('refuses more rows than an invoice may have, and counts their amount', async () => {
    const [record] = await read(Array.from({ length: 1200 }, () => row('1', 1, '1')));
    assert.ok(record?.kind === 'refused');
    assert.equal(record.reason, 'too-many-lines');
    assert.equal(record.amount?.minor, 120_000);
  });

  it('refuses bytes that are not in the encoding', async () => {
    const bytes = Buffer.concat([Buffer.from(`${HEADER}\n`), Buffer.from([0xc3, 0x28, 0x0a])]);
    assert.deepEqual(short(await all(readCsv(chunks(bytes), retail))), [
      'refused - wrong-encoding',
    ]);
  });

  it('names the line that is not in the encoding, and issues nothing that it may belong to', async () => {
    const good = [HEADER, row('1', 1, '1'), row('2', 1, '2'), row('2', 1, '3')].join('\n');
    const bytes = Buffer.concat([
      Buffer.from(`${good}\n3,85123A,M`),
      Buffer.of(0xe9),
      Buffer.from('LLE\n'),
    ]);
    for (const size of [1, 7, 64, 1000]) {
      const records = await all(readCsv(chunks(bytes, size), retail));
      assert.deepEqual(short(records), [
        'invoice 1 100',
        'refused - wrong-encoding',
        'refused 2 wrong-encoding',
      ]);
      const [, unread, cut] = records;
      assert.ok(unread?.kind === 'refused' && cut?.kind === 'refused');
      assert.equal(unread.line, 5);
      assert.deepEqual(cut.amount, { currency: 'GBP', minor: 500 });
    }
  });

  it('reads nothing where the header lacks a column of the mapping, and names it', async () => {
    const header = HEADER.replace('UnitPrice', 'Price');
    for (const rows of [[header], [header, row('1', 1, '1'), row('2', 1, '1')]]) {
      const records = await all(readCsv(chunks(`${rows.join('\n')}\n`), retail));
      assert.deepEqual(short(records), ['refused - malformed-csv']);
      const [record] = records;
      assert.match(String(record?.kind === 'refused' && record.expected), /column "UnitPrice"/);
    }
  });

  it('follows a mapping: rates, tax-exclusive prices, decimal commas, dates, GB 18030', async () => {
    const mapping = CsvMappingSchema.parse({
      columns: {
        reference: '单号',
        date: '日期',
        description: '品名',
        amount: '金额',
        rate: '税率',
        buyerName: '购方',
        buyerTaxId: '税号',
      },
      encoding: 'gb18030',
      delimiter: ';',
      decimalSeparator: ',',
      dateOrder: 'dmy',
      priceIncludesTax: false,
      seller: { name: 'S' },
    });
    // 单号;日期;品名;金额;税率;购方;税号 and 茶 in GB 18030.
    const header = 'b5a5bac53bc8d5c6da3bc6b7c3fb3bbdf0b6ee3bcbb0c2ca3bb9bab7bd3bcbb0bac50a';
    const bytes = Buffer.concat([
      Buffer.from(header, 'hex'),
      Buffer.from('A1;4.3.2026;', 'latin1'),
      Buffer.from('b2e8', 'hex'),
      Buffer.from(';10,00;13%;Works;T1\n', 'latin1'),
    ]);
    const { document } = only(await all(readCsv(chunks(bytes), mapping)));
    assert.deepEqual(document, {
      currency: 'CNY',
      seller: { name: 'S' },
      buyer: { name: 'Works', taxId: 'T1' },
      issuedOn: '2026-03-04',
      lines: [{ description: '茶', net: 1000, rateBp: 1300, tax: 130 }],
      net: 1000,
      tax: 130,
      gross: 1130,
      rounding: 'per-line',
    });
  });

  it('refuses dates that are none', async () => {
    for (const date of ['2010-13-01', '1/12/2010', '', '2010-02-30']) {
      const [record] = await read([row('1', 1, '1').replace('2010-12-01 08:26:00', date)]);
      assert.ok(record?.kind === 'refused', date);
      assert.equal(record.reason, 'invalid-document');
    }
  });
});

describe('CSV mappings', () => {
  it('need an amount, or quantity and price', () => {
    const columns = { reference: 'a', date: 'b', quantity: 'c' };
    assert.equal(CsvMappingSchema.safeParse({ columns, seller: { name: 'S' } }).success, false);
  });

  it('are found by a header', () => {
    assert.equal(presetFor(HEADER.split(',')), retail);
    assert.equal(presetFor(['InvoiceNo']), undefined);
  });
});
