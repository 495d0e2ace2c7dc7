/**
 * What the invoice contract stores and tells. A transaction touches few keys: the invoice itself,
 * its payment, and its seller's one record of numbers, credit and live totals.
 */
import { z } from 'zod';
import type { Context } from '../../shared/contract/context.ts';
import type { QueryDefinition, TransactionDefinition } from '../../shared/contract/define.ts';
import {
  AmountSchema,
  CurrencySchema,
  DocumentShapeSchema,
  RateBpSchema,
  TaxCategorySchema,
} from './document.ts';

/** An invoice's number: 20 digits, as on Chinese digital invoices. */
export const NumberSchema = z.string().regex(/^\d{20}$/, '20 digits');
/** A payment's or a bank transfer's reference. */
export const ReferenceSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/, 'letters, digits and . _ : - (at most 64)');
export const MemberSchema = z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, 'a member id');
export const PersonSchema = z.string().regex(/^[a-z][a-z0-9._-]{0,62}$/, 'an identity’s name');
/** A tax period: a month. */
export const PeriodSchema = z.string().regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'a month such as 2026-03');

/** Where an invoice stands. `reversed`: in full. Notes (negative ones) are always `note`. */
export const STATUSES = ['issued', 'claimed', 'approved', 'credited', 'reversed', 'note'] as const;
export type Status = (typeof STATUSES)[number];
const StatusSchema = z.enum(STATUSES);

/** Why a red-letter note is written: the closed list of Chinese practice. */
export const NoteReasonSchema = z.enum([
  'invoicing-error',
  'goods-returned',
  'service-cancelled',
  'price-reduction',
]);
/** Why finance refuses a claim. */
export const RefusalReasonSchema = z.enum([
  'not-business',
  'over-policy',
  'wrong-details',
  'duplicate',
  'other',
]);
export const PurposeSchema = z.enum(['travel', 'meals', 'office', 'goods', 'services', 'other']);

/** Net and tax at one rate: as issued, and how much of it was reversed (same sign). */
const GroupSchema = z.strictObject({
  category: TaxCategorySchema,
  rateBp: RateBpSchema,
  net: AmountSchema,
  tax: AmountSchema,
  reversedNet: AmountSchema,
  reversedTax: AmountSchema,
});
export type Group = z.infer<typeof GroupSchema>;

/** Who holds an invoice: a member, or one person of it. */
const HolderSchema = z.strictObject({ member: MemberSchema, person: PersonSchema.nullable() });

const ClaimSchema = z.strictObject({
  member: MemberSchema,
  employee: PersonSchema,
  purpose: PurposeSchema,
  /** What was left of the invoice's gross when it was claimed. */
  amount: AmountSchema,
  claimedAt: z.int(),
  state: z.enum(['open', 'approved', 'refused', 'withdrawn', 'credited']),
  refusal: RefusalReasonSchema.nullable(),
  /** The bank payment that reimbursed it. */
  payment: ReferenceSchema.nullable(),
});

/** `invoice/<number>`: an invoice, or a red-letter note to one here or elsewhere. */
export const InvoiceSchema = z.strictObject({
  number: NumberSchema,
  kind: z.enum(['invoice', 'reversal', 'credit-note']),
  seller: MemberSchema,
  issuedAt: z.int(),
  status: StatusSchema,
  document: DocumentShapeSchema,
  groups: z.array(GroupSchema).min(1),
  payments: z.array(ReferenceSchema),
  holder: HolderSchema.nullable(),
  /** The last claim; an earlier one was refused or withdrawn. */
  claim: ClaimSchema.nullable(),
  declaredIn: PeriodSchema.nullable(),
  /** Numbers of the notes that reverse it, and its lines that were reversed as such. */
  reversals: z.array(NumberSchema).max(200),
  reversedLines: z.array(z.int().min(0)).max(1000),
  /** For a note: what it reverses (a number here, the seller's reference elsewhere) and why. */
  original: z.string().min(1).max(64).nullable(),
  reason: NoteReasonSchema.nullable(),
});
export type Invoice = z.infer<typeof InvoiceSchema>;

/** `payment/<reference>`. */
export const PaymentSchema = z.strictObject({
  reference: ReferenceSchema,
  platform: MemberSchema,
  payee: MemberSchema,
  payer: z.string().min(1).max(64).nullable(),
  currency: CurrencySchema,
  amount: AmountSchema,
  recordedAt: z.int(),
  /** The invoice that covers it, for good. */
  invoice: NumberSchema.nullable(),
});

/** A range of numbers; `next` is where automatic numbering goes on, null when all are used. */
export const RangeSchema = z.strictObject({
  from: NumberSchema,
  to: NumberSchema,
  next: NumberSchema.nullable(),
});
export type NumberRange = z.infer<typeof RangeSchema>;

/** `outstanding`: gross issued, neither reversed nor declared to tax. */
export const CreditSchema = z.strictObject({
  limit: AmountSchema,
  outstanding: z.int().min(0),
});

export const EntrySchema = z.strictObject({ count: z.int(), net: z.int(), tax: z.int() });
/** Sums by a text of the dimensions, such as `CNY/issued/standard/1300`. */
export const TotalsSchema = z.record(z.string(), EntrySchema);
export type Totals = z.infer<typeof TotalsSchema>;

/** `seller/<member>`. */
export const SellerSchema = z.strictObject({
  ranges: z.array(RangeSchema).max(100),
  /** By currency. */
  credit: z.record(CurrencySchema, CreditSchema),
  /** By currency, status, category and rate. */
  totals: TotalsSchema,
});
export type Seller = z.infer<typeof SellerSchema>;

export const records = {
  invoice: InvoiceSchema,
  payment: PaymentSchema,
  seller: SellerSchema,
  /** By its last number, so that one scan finds what a new range would overlap. */
  range: z.strictObject({ merchant: MemberSchema, from: NumberSchema, to: NumberSchema }),
  /** `external/<seller>/<the seller’s own number>`: keeps a repeated import from issuing twice. */
  external: z.strictObject({ number: NumberSchema }),
  /** `reimbursement/<member>/<bank reference>`: a bank payment reimburses one claim. */
  reimbursement: z.strictObject({ number: NumberSchema }),
  /** `declaration/<seller>/<period>`, by currency, category and rate. */
  declaration: z.strictObject({ totals: TotalsSchema }),
};
export type InvoiceRecords = typeof records;

const told = z.strictObject({ number: NumberSchema, seller: MemberSchema });
export const events = {
  'numbers-allotted': z.strictObject({
    merchant: MemberSchema,
    from: NumberSchema,
    to: NumberSchema,
  }),
  'credit-limit-set': z.strictObject({
    merchant: MemberSchema,
    currency: CurrencySchema,
    limit: AmountSchema,
  }),
  'payment-recorded': z.strictObject({ reference: ReferenceSchema, payee: MemberSchema }),
  issued: told.extend({ currency: CurrencySchema, gross: AmountSchema }),
  reversed: told.extend({ note: NumberSchema, gross: AmountSchema, status: StatusSchema }),
  'credit-noted': told.extend({ currency: CurrencySchema, gross: AmountSchema }),
  delivered: told.extend({ member: MemberSchema }),
  assigned: told.extend({ member: MemberSchema }),
  claimed: told.extend({ member: MemberSchema, amount: AmountSchema }),
  approved: told.extend({ member: MemberSchema }),
  refused: told.extend({ member: MemberSchema, reason: RefusalReasonSchema }),
  withdrawn: told.extend({ member: MemberSchema }),
  credited: told.extend({ member: MemberSchema, payment: ReferenceSchema }),
  declared: z.strictObject({ period: PeriodSchema, seller: MemberSchema, count: z.int() }),
};
export type InvoiceEvents = typeof events;
export type InvoiceContext = Context<InvoiceRecords, InvoiceEvents>;

/** Gives a transaction of this contract its types. */
export const transaction = <I extends z.ZodType>(
  definition: TransactionDefinition<InvoiceRecords, InvoiceEvents, I>,
) => definition;

/** Gives a query of this contract its types. */
export const query = <I extends z.ZodType>(definition: QueryDefinition<InvoiceRecords, I>) =>
  definition;
