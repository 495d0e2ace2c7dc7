/**
 * How the columns of a CSV file become invoices: a JSON file that the user writes, or a preset.
 * The form is explained in docs/import.md.
 */
import { z } from 'zod';
import { CurrencySchema, PartySchema, RateBpSchema, TaxCategorySchema } from '../document.ts';

const column = z.string().min(1).max(200);

export const CsvMappingSchema = z
  .strictObject({
    columns: z.strictObject({
      /** The invoice's id in the source; consecutive rows with the same one are one invoice. */
      reference: column,
      date: column,
      description: column.optional(),
      code: column.optional(),
      quantity: column.optional(),
      unit: column.optional(),
      unitPrice: column.optional(),
      /** The row's amount; left out: quantity × unitPrice, rounded to the minor unit. */
      amount: column.optional(),
      /** Percent: `13` or `13%`. Left out: `rateBp` for all rows. */
      rate: column.optional(),
      customer: column.optional(),
      buyerName: column.optional(),
      buyerTaxId: column.optional(),
    }),
    encoding: z.enum(['utf-8', 'gb18030', 'windows-1252']).default('utf-8'),
    delimiter: z.enum([',', ';', '\t', '|']).default(','),
    decimalSeparator: z.enum(['.', ',']).default('.'),
    /** The order of the date's parts; a time after them is kept where the order is ymd. */
    dateOrder: z.enum(['ymd', 'dmy', 'mdy']).default('ymd'),
    currency: CurrencySchema.default('CNY'),
    rateBp: RateBpSchema.default(0),
    category: TaxCategorySchema.optional(),
    priceIncludesTax: z.boolean().default(true),
    /** References that start so are cancellations. */
    cancellationPrefix: z.string().min(1).max(20).optional(),
    seller: PartySchema,
    /** The buyer's name on invoices that name nobody. */
    anonymousBuyer: z.string().min(1).max(200).default('Private customer'),
  })
  .refine(({ columns }) => columns.amount ?? (columns.quantity && columns.unitPrice), {
    path: ['columns'],
    message: 'an amount column, or both quantity and unitPrice',
  });
export type CsvMapping = z.infer<typeof CsvMappingSchema>;

/** Mappings by name. */
export const CSV_PRESETS: Readonly<Record<string, CsvMapping>> = {
  /** UCI "Online Retail". Its prices are what was paid, and it says nothing about tax. */
  'online-retail': CsvMappingSchema.parse({
    columns: {
      reference: 'InvoiceNo',
      date: 'InvoiceDate',
      description: 'Description',
      code: 'StockCode',
      quantity: 'Quantity',
      unitPrice: 'UnitPrice',
      customer: 'CustomerID',
    },
    currency: 'GBP',
    rateBp: 0,
    category: 'out-of-scope',
    cancellationPrefix: 'C',
    seller: { name: 'Online Retail' },
    anonymousBuyer: 'Anonymous',
  }),
};

/** The preset whose columns all stand in a header; undefined where none fits. */
export const presetFor = (header: readonly string[]): CsvMapping | undefined =>
  Object.values(CSV_PRESETS).find(({ columns }) =>
    Object.values(columns).every((name) => name !== undefined && header.includes(name)),
  );
