/**
 * The canonical invoice: what sellers issue and importers make. Money is in integer minor units
 * (fen), rates in basis points; quantities and unit prices are texts for people, and nothing is
 * computed from them.
 */
import { z } from 'zod';
import { documentProblem } from './tax.ts';

/** Minor units. The bound leaves room for the sum of thousands of the largest invoices in 2^53. */
export const AmountSchema = z.int().min(-1_000_000_000_000).max(1_000_000_000_000);

/** ISO 4217. */
export const CurrencySchema = z.string().regex(/^[A-Z]{3}$/, 'three capitals (ISO 4217)');

/** VAT categories, after UNCL 5305 as EN 16931 uses it: S, Z, E, AE, K, G, O. */
export const TAX_CATEGORIES = [
  'standard',
  'zero',
  'exempt',
  'reverse-charge',
  'intra-community',
  'export',
  'out-of-scope',
] as const;
export type TaxCategory = (typeof TAX_CATEGORIES)[number];
export const TaxCategorySchema = z.enum(TAX_CATEGORIES);

/** Basis points: 1300 is 13 %. */
export const RateBpSchema = z.int().min(0).max(10_000);

const text = (max: number) => z.string().min(1).max(max);
const decimal = z.string().regex(/^-?\d{1,15}(\.\d{1,16})?$/, 'a decimal number such as 12.50');

/** The party that sells or buys, as the invoice names it. */
export const PartySchema = z.strictObject({ name: text(200), taxId: text(40).optional() });

export const InvoiceLineSchema = z.strictObject({
  description: text(500),
  /** Classification or article code. */
  code: text(64).optional(),
  quantity: decimal.optional(),
  unit: text(40).optional(),
  unitPrice: decimal.optional(),
  /** Zero or negative for a discount line. */
  net: AmountSchema,
  rateBp: RateBpSchema,
  /** 0 with rounding `per-rate`. */
  tax: AmountSchema,
  /** Where it is left out: `standard` for a rate above 0, otherwise `zero`. */
  category: TaxCategorySchema.optional(),
});
export type InvoiceLine = z.infer<typeof InvoiceLineSchema>;

/** What is taxed at one rate of one category. */
export const TaxGroupSchema = z.strictObject({
  category: TaxCategorySchema,
  rateBp: RateBpSchema,
  net: AmountSchema,
  tax: AmountSchema,
});

/** The structure alone: what a stored document is checked against. */
export const DocumentShapeSchema = z.strictObject({
  currency: CurrencySchema.default('CNY'),
  seller: PartySchema,
  buyer: PartySchema,
  issuedOn: z.iso.date(),
  lines: z.array(InvoiceLineSchema).min(1).max(1000),
  /** With rounding `per-rate` only: one entry for each category and rate of the lines. */
  taxes: z.array(TaxGroupSchema).min(1).max(50).optional(),
  net: AmountSchema,
  tax: AmountSchema,
  gross: AmountSchema,
  /** Where tax is rounded: on each line, or once for each category and rate (EN 16931). */
  rounding: z.enum(['per-line', 'per-rate']),
  /** The seller's own number; each of its invoices has another one. */
  externalId: z
    .string()
    .regex(/^[!-~]{1,64}$/, '1 to 64 visible ASCII characters')
    .optional(),
  note: text(2000).optional(),
});
export type InvoiceDocument = z.infer<typeof DocumentShapeSchema>;

/** The structure and the arithmetic: totals that don't add up exactly are refused with the place. */
export const InvoiceDocumentSchema = DocumentShapeSchema.superRefine((document, context) => {
  const problem = documentProblem(document);
  if (problem) {
    const message = `found ${problem.got}, expected ${problem.expected}`;
    context.addIssue({ code: 'custom', path: [...problem.path], message });
  }
});
