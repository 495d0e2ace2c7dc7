/**
 * Whole invoices and credit notes of the EN 16931 and XRechnung test suites, read into the canonical
 * form: the totals that are recomputed from the lines equal those in the file.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { currencyExponent, minorUnits } from '../../workloads/invoice/import/decimal.ts';
import { openSource } from '../../workloads/invoice/import/open-source.ts';
import { vectorsFolder } from './vectors.ts';

/** Files with the number that each folder has to hold. */
const FOLDERS = { 'en16931/examples': 18, 'en16931/testfiles': 10, xrechnung: 15 };
/** Cancellations, with the invoice that the file names. */
const CANCELLATIONS: Readonly<Record<string, string | undefined>> = {
  'BIS3_Invoice_negativ.XML': undefined,
  'ubl-tc434-creditnote1.xml': undefined,
  'BIS_Billing_30-Kreditering_med_kreditnota.xml': '2018133',
  'BIS_Billing_30-Kreditering_med_negativ_faktura.xml': '2018133',
  'CreditNote-Max_content.xml': 'Preceding invoice no.1',
  'CreditNote-Min_content_with_VAT.xml': undefined,
  'CreditNote-Min_content_without_VAT.xml': undefined,
};
/** Its tax was taken out of a tax-inclusive price: 757.41, where 19 % of the net are 757.40. */
const PER_LINE = '01.06_minimal_test_ubl.xml';

describe('UBL invoices of the published suites', () => {
  if (vectorsFolder === undefined) {
    it('were not read: the folder of external data is absent', () => {});
    return;
  }
  const root = join(vectorsFolder, 'invoice');
  for (const [folder, count] of Object.entries(FOLDERS)) {
    const names = readdirSync(join(root, folder)).filter((name) => /\.xml$/i.test(name));
    it(`${folder} has all of its files`, () => assert.equal(names.length, count));

    for (const name of names) {
      it(`reads ${name} with equal totals`, async () => {
        const path = join(root, folder, name);
        const text = readFileSync(path, 'utf8');
        const records = [];
        for await (const record of (await openSource(path)).read()) records.push(record);
        const [record] = records;
        assert.ok(record && record.kind !== 'refused', JSON.stringify(record));
        const { document } = record;
        const stated = (element: string): number => {
          const found = new RegExp(`:${element}[^>]*>\\s*([^<]*?)\\s*<`).exec(text)![1]!;
          const value = minorUnits(found, currencyExponent(document.currency))!;
          return /<(\w+:)?CreditNote[ >]/.test(text) ? -value : value;
        };
        assert.equal(document.net, stated('TaxExclusiveAmount'));
        assert.equal(document.gross, stated('TaxInclusiveAmount'));
        assert.equal(record.kind === 'cancellation', name in CANCELLATIONS);
        assert.equal(record.relatesTo, CANCELLATIONS[name]);
        assert.equal(document.rounding, name === PER_LINE ? 'per-line' : 'per-rate');
      });
    }
  }
});
