/** Seeds that are files of invoices. */
import { readFileSync } from 'node:fs';
import { utf8 } from '../../shared/bytes/text.ts';

const example = (name: string): string =>
  readFileSync(new URL(`../../examples/${name}`, import.meta.url), 'utf8');

/** Behind the number of a mapping each. */
export function csvSeeds(): Uint8Array[] {
  const retail = [
    'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country',
    '536365,85123A,"HANGING ""HOOK"", white",6,2010-12-01 08:26:00,2.55,17850,UK',
    '536365,71053,LANTERN,6,2010-12-01 08:26:00,3.39,17850,UK',
    'C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527,UK',
    '536370,22728,CLOCK,24,2010-12-01 08:45:00,3.75,,France',
  ];
  const full = [
    'id;date;text;code;count;unit;price;sum;rate;customer;name;tax',
    'A1;1.12.2025;Tee;T1;2;kg;3,50;7,00;19 %;K7;Käufer GmbH;DE123',
    'A1;1.12.2025;Rabatt;;-1;;1;-1;7;K7;Käufer GmbH;DE123',
    'S-A1;02/12/2025;;T1;-2;;;-7,00;19%;K7;;',
  ];
  const short = ['id,date,sum', '1,12/31/2025,1000', '2,1/2/2026,-5', '1,12/31/2025,1'];
  return [retail, full, short].flatMap((lines, mapping) => [
    Buffer.concat([Buffer.of(mapping), utf8(lines.join('\n'))]),
    Buffer.concat([Buffer.of(mapping), utf8(`\ufeff${lines.join('\r\n')}\r\n`)]),
    Buffer.concat([Buffer.of(mapping), utf8(`${lines[0]}\n"${lines[1]}`)]),
  ]);
}

export const jsonLinesSeeds = (): Uint8Array[] => {
  const lines = example('corner-shop-week.jsonl').split('\n');
  const cancellation = lines.find((line) => line.includes('"cancellation"')) ?? '';
  return [lines[0]!, `${lines[0]}\n\n${lines[2]}\r\n`, cancellation, `${lines[0]}x`].map(utf8);
};

/** One invoice of an e-mail's length, and the same as a credit note, with allowances, and cut off. */
export function xmlSeeds(): Uint8Array[] {
  const invoice = example('one-invoice.xml').replaceAll(/>\s+</g, '><');
  const credit = invoice
    .replaceAll('InvoiceLine>', 'CreditNoteLine>')
    .replaceAll('InvoicedQuantity', 'CreditedQuantity')
    .replaceAll('Invoice-2', 'CreditNote-2')
    .replaceAll(/(<\/?)Invoice\b/g, '$1CreditNote');
  const doctype = invoice.replace('?>', '?><!DOCTYPE x [<!ENTITY a "b">]>');
  return [invoice, credit, doctype, invoice.slice(0, 900)].map(utf8);
}
