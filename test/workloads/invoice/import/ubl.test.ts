import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { readUbl, UBL_LIMITS } from '../../../../workloads/invoice/import/ubl.ts';
import { all, chunks, only, short } from './reading.ts';

const xml = readFileSync(new URL('../../../../examples/one-invoice.xml', import.meta.url), 'utf8');
const read = (text: string | Uint8Array) => all(readUbl(chunks(text, 1000)));
const changed = (from: string | RegExp, to: string) => {
  assert.notEqual(xml.replace(from, to), xml, String(from));
  return read(xml.replace(from, to));
};
const refusedFor = async (from: string | RegExp, to: string) => {
  const [record] = await changed(from, to);
  assert.ok(record?.kind === 'refused', JSON.stringify(record));
  return `${record.reason}: found ${record.got}, expected ${record.expected}`;
};
/** The example as a credit note. */
const creditNote = xml
  .replace('Invoice-2"', 'CreditNote-2"')
  .replace('<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>', '')
  .replaceAll(/(<\/?(?:cac:)?)Invoice(Line)?\b/g, '$1CreditNote$2')
  .replaceAll('InvoicedQuantity', 'CreditedQuantity');

describe('the UBL reader', () => {
  it('reads the example: parties, lines, the charge as a line, tax by rate', async () => {
    const record = only(await read(xml));
    const { document } = record;
    assert.deepEqual([record.reference, record.kind, record.line], ['MH-2026-0042', 'invoice', 5]);
    assert.deepEqual(document.seller, { name: 'Musterhafen Teehandel GmbH', taxId: 'DE000000001' });
    assert.deepEqual(document.buyer, { name: 'Beispiel Kontor AG' });
    assert.deepEqual([document.net, document.tax, document.gross], [23670, 2251, 25921]);
    assert.deepEqual(document.lines[0], {
      description: 'Green tea, loose',
      code: 'TEA-G-1',
      quantity: '12',
      unit: 'KGM',
      unitPrice: '15.6',
      net: 18720,
      tax: 0,
      category: 'standard',
      rateBp: 700,
    });
    assert.deepEqual(document.lines[2], {
      description: 'Freight',
      net: 1250,
      tax: 0,
      category: 'standard',
      rateBp: 1900,
    });
    assert.equal(document.rounding, 'per-rate');
  });

  it('reads the same whatever the chunks are', async () => {
    assert.deepEqual(await all(readUbl(chunks(xml, 1))), await read(xml));
  });

  it('turns a credit note into a cancellation of the invoice that it names', async () => {
    const reference =
      '<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>MH-1</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference><cac:AccountingSupplierParty>';
    const text = creditNote.replace('<cac:AccountingSupplierParty>', reference);
    const record = only(await read(text));
    assert.deepEqual([record.kind, record.relatesTo], ['cancellation', 'MH-1']);
    assert.equal(record.document.gross, -25921);
    assert.equal(record.document.lines[0]!.quantity, '-12');
  });

  it('names the rule that the totals break', async () => {
    assert.match(
      await refusedFor(/(?<=<cbc:LineExtensionAmount currencyID="EUR">)224.20/, '224.21'),
      /22421, expected 22420 \(BR-CO-10\)/,
    );
    assert.match(
      await refusedFor(/(?<=ChargeTotalAmount currencyID="EUR">)12.50/, '12.51'),
      /BR-CO-12/,
    );
    assert.match(
      await refusedFor(/(?<=TaxExclusiveAmount currencyID="EUR">)236.70/, '236.71'),
      /BR-CO-13/,
    );
    assert.match(await refusedFor('22.51', '22.52'), /BR-CO-14/);
    assert.match(
      await refusedFor(/(?<=TaxInclusiveAmount currencyID="EUR">)259.21/, '259.22'),
      /BR-CO-15/,
    );
    assert.match(
      await refusedFor(/(?<=PayableAmount currencyID="EUR">)259.21/, '259.22'),
      /BR-CO-16/,
    );
    assert.match(
      await refusedFor(/(?<=TaxableAmount currencyID="EUR">)187.20/, '187.21'),
      /taxable amount at standard\/700/,
    );
    const off = xml.replace('13.10', '13.12').replace('9.41', '9.39');
    const [record] = await read(off);
    assert.match(JSON.stringify(record), /BR-CO-17 at standard\/700/);
  });

  it('refuses what the canonical form can not say', async () => {
    assert.match(await refusedFor(/<cbc:ID>S</, '<cbc:ID>L<'), /unsupported: found tax category L/);
    assert.match(await refusedFor(/<cbc:Percent>19</, '<cbc:Percent>19.005<'), /rate 19.005/);
    assert.match(await refusedFor('15.60', 'about 15'), /Price\/PriceAmount as a decimal/);
    assert.match(await refusedFor(/187\.20(?=<\/cbc:LineE)/, '187.205'), /at most 2 decimals/);
    assert.match(
      await refusedFor('<cbc:IssueDate>2026-03-04</cbc:IssueDate>', ''),
      /an element IssueDate/,
    );
    assert.match(await refusedFor('2026-03-04', '2026-02-30'), /\/issuedOn/);
  });

  it('refuses a document type declaration, and so every entity of its own', async () => {
    const bomb = '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>';
    const [record] = await read(xml.replace('?>', `?>${bomb}`).replace('Green', '&b;'));
    assert.deepEqual(short([record!]), ['refused - doctype']);
    assert.deepEqual(short(await changed('Green', '&b;')), ['refused - malformed-xml']);
    assert.equal(
      only(await changed('Green tea', 'Tea &amp; &#x8336;')).document.lines[0]!.description,
      'Tea & 茶, loose',
    );
  });

  it('refuses what is no UBL, not whole, or not UTF-8', async () => {
    assert.deepEqual(short(await read('<html/>')), ['refused - unsupported']);
    assert.deepEqual(short(await read(xml.slice(0, 3000))), ['refused - malformed-xml']);
    assert.deepEqual(short(await read('')), ['refused - malformed-xml']);
    assert.deepEqual(short(await changed('UTF-8', 'ISO-8859-1')), ['refused - unsupported']);
    const latin = Buffer.from(xml.replace('Green', 'Gr\u00fcn'), 'latin1');
    const [refused] = await read(latin);
    assert.ok(refused?.kind === 'refused');
    const line = xml.slice(0, xml.indexOf('Green')).split('\n').length;
    assert.deepEqual([refused.reason, refused.line], ['wrong-encoding', line]);
  });

  it('looks past extensions and foreign elements', async () => {
    const foreign = '<e xmlns="urn:x"><ID>not this</ID></e><cbc:CustomizationID>';
    assert.equal(only(await changed('<cbc:CustomizationID>', foreign)).reference, 'MH-2026-0042');
  });

  it('bounds depth, texts, parts and attachments', async () => {
    const deep = '<a>'.repeat(40) + '</a>'.repeat(40);
    const at = '<cac:TaxTotal>';
    assert.deepEqual(short(await changed(at, deep + at)), ['refused - too-deep']);
    const long = 'x'.repeat(UBL_LIMITS.textMax + 1);
    assert.deepEqual(short(await changed('Green tea', long)), ['refused - too-large']);
    const line = /<cac:InvoiceLine>[\s\S]*?<\/cac:InvoiceLine>/.exec(xml)![0];
    const many = await read(xml.replace(line, line.repeat(1000)));
    assert.deepEqual(short(many), ['refused - too-many-lines']);
    const attachment = `<cac:AdditionalDocumentReference><cac:Attachment><cbc:EmbeddedDocumentBinaryObject>${'QUJD'.repeat(100_000)}</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>`;
    const withFile = xml.replace(
      '<cac:AccountingSupplierParty>',
      `${attachment}<cac:AccountingSupplierParty>`,
    );
    assert.equal(only(await read(withFile)).document.gross, 25921);
  });

  it('stops at a text without end', async () => {
    let sent = 0;
    async function* endless() {
      yield Buffer.from(xml.slice(0, xml.indexOf('Green')));
      for (; sent < 200; sent++) yield Buffer.alloc(1024 * 1024, 'x');
    }
    assert.deepEqual(short(await all(readUbl(endless()))), ['refused - too-large']);
    assert.ok(sent < 40);
  });
});
