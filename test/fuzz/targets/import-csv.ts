/** CSV files of invoices. The first byte says by which mapping. */

import { readCsv } from '../../../workloads/invoice/import/csv.ts';
import { CSV_PRESETS, CsvMappingSchema } from '../../../workloads/invoice/import/csv-mapping.ts';
import { checkReader } from '../imported.ts';

const seller = { name: 'Shop' };
const MAPPINGS = [
  CSV_PRESETS['online-retail']!,
  CsvMappingSchema.parse({
    columns: {
      reference: 'id',
      date: 'date',
      description: 'text',
      code: 'code',
      quantity: 'count',
      unit: 'unit',
      unitPrice: 'price',
      amount: 'sum',
      rate: 'rate',
      customer: 'customer',
      buyerName: 'name',
      buyerTaxId: 'tax',
    },
    delimiter: ';',
    decimalSeparator: ',',
    dateOrder: 'dmy',
    currency: 'EUR',
    category: 'standard',
    cancellationPrefix: 'S-',
    seller,
  }),
  CsvMappingSchema.parse({
    columns: { reference: 'id', date: 'date', amount: 'sum' },
    encoding: 'gb18030',
    dateOrder: 'mdy',
    currency: 'JPY',
    rateBp: 1300,
    priceIncludesTax: false,
    seller,
  }),
];

export async function fuzz(data: Uint8Array): Promise<void> {
  const mapping = MAPPINGS[(data[0] ?? 0) % MAPPINGS.length]!;
  await checkReader((source) => readCsv(source, mapping), data.subarray(1));
}
