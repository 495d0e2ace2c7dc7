/**
 * What the contract of confidential invoices stores and tells in clear: that an invoice exists, who signed what about
 * it, and its status. What it is about is with those who may know, in the transactions that the records name.
 */
import { z } from 'zod';
import { confidential } from '../../shared/contract/confidential.ts';
import type { Context, EndorsementContext, ReadingContext } from '../../shared/contract/context.ts';
import type { QueryDefinition, TransactionDefinition } from '../../shared/contract/define.ts';
import { CurrencySchema } from '../invoice/document.ts';
import {
  MemberSchema,
  NumberSchema,
  PeriodSchema,
  PersonSchema,
  RangeSchema,
} from '../invoice/records.ts';

export const TransactionSchema = z.string().regex(/^[0-9a-f]{64}$/, 'a transaction’s id');
/** A key that says nothing: a payment's own reference is confidential. */
export const PaymentIdSchema = z.uuid();
/** A random id, under which its seller finds a credit note. */
export const CreditNoteIdSchema = z.uuid();
/** Values are kept for thirty years, as accounting archives are (MOF and SAAC, order 79, 2015). */
export const RETAIN_MS = 30 * 366 * 86_400_000;

/** Notes that take back parts of one invoice. */
export const PARTS_MAX = 20;

/** Where an invoice stands; red-letter notes are always `note`. */
export const StatusSchema = z.enum([
  'issued',
  'claimed',
  'approved',
  'credited',
  'reversed',
  'note',
]);
export type Status = z.infer<typeof StatusSchema>;

/** Invoices of one claim. */
export const CLAIMED_MAX = 20;

/** `claim/<id>`: what an employee claims at once. */
export const ClaimSchema = z.strictObject({
  /** The transaction that claimed, which has the purpose. */
  id: TransactionSchema,
  member: MemberSchema,
  /** The identity that claims: whoever approves is another one. */
  employee: PersonSchema,
  numbers: z.array(NumberSchema).max(CLAIMED_MAX),
  state: z.enum(['open', 'approved', 'refused', 'withdrawn', 'credited']),
});
export type Claim = z.infer<typeof ClaimSchema>;

/** `invoice/<number>`: an invoice, or a red-letter note that takes one back. */
export const InvoiceSchema = z.strictObject({
  number: NumberSchema,
  seller: MemberSchema,
  issuedAt: z.int(),
  status: StatusSchema,
  currency: CurrencySchema,
  /** The transaction that has its values. */
  transaction: TransactionSchema,
  /** The transaction whose hidden field `to` says who holds it. */
  holding: TransactionSchema,
  payments: z.array(PaymentIdSchema),
  /** SHA-256 of `<issuedOn> <check code>`. */
  check: z.string(),
  /** The claim that it is in. */
  claim: TransactionSchema.nullable(),
  declaredIn: PeriodSchema.nullable(),
  /** Of a note: what it takes back, null where that is elsewhere. Of an invoice: the note that took back all, or all that was left. */
  counterpart: NumberSchema.nullable(),
  /** Notes that took parts back before. */
  parts: z.array(NumberSchema).max(PARTS_MAX),
});
export type Invoice = z.infer<typeof InvoiceSchema>;

export const PaymentSchema = z.strictObject({
  /** The transaction that has its values. */
  transaction: TransactionSchema,
  platform: MemberSchema,
  recordedAt: z.int(),
  /** The invoice that covers it, for good. */
  invoice: NumberSchema.nullable(),
});

export const records = {
  invoice: InvoiceSchema,
  claim: ClaimSchema,
  payment: PaymentSchema,
  /** By its id: a note to an invoice elsewhere. */
  credit: z.strictObject({ note: NumberSchema }),
  /** `seller/<member>`: its ranges of numbers. */
  seller: z.strictObject({ ranges: z.array(RangeSchema).max(100) }),
  /** By its last number. */
  range: z.strictObject({ merchant: MemberSchema, from: NumberSchema, to: NumberSchema }),
  /** `limit/<member>/<currency>`: the transaction that has it. */
  limit: z.strictObject({ transaction: TransactionSchema }),
  /** `assignment/<member>/<the invoice's transaction>`: the transaction that says whom of its people a member assigned it to. */
  assignment: z.strictObject({ transaction: TransactionSchema }),
};
type InvoiceRecords = typeof records;

const told = z.strictObject({ number: NumberSchema });
const toldOfClaim = z.strictObject({ claim: TransactionSchema, numbers: z.array(NumberSchema) });
export const events = {
  'numbers-allotted': z.strictObject({ merchant: MemberSchema }),
  'credit-limit-set': z.strictObject({ merchant: MemberSchema, currency: CurrencySchema }),
  'payment-recorded': z.strictObject({ id: PaymentIdSchema }),
  issued: told,
  reversed: told,
  'reversed-in-part': told.extend({ note: NumberSchema }),
  'credit-noted': told,
  delivered: told,
  assigned: told.extend({ member: MemberSchema }),
  claimed: toldOfClaim,
  approved: toldOfClaim,
  refused: toldOfClaim,
  withdrawn: toldOfClaim,
  credited: toldOfClaim,
  declared: z.strictObject({
    seller: MemberSchema,
    period: PeriodSchema,
    numbers: z.array(NumberSchema),
  }),
};
type InvoiceEvents = typeof events;
export type InvoiceContext = Context<InvoiceRecords, InvoiceEvents>;
export type CheckContext = EndorsementContext<InvoiceRecords>;
export type PeopleContext = ReadingContext<InvoiceRecords>;

/** What the tax bureau sees besides whoever signs. */
export const forBureau = <S extends z.ZodType>(schema: S) =>
  confidential(schema, { roles: ['tax-bureau'] });

/** What the member sees besides that the call names as the one that holds the invoice. */
export const forHolder = <S extends z.ZodType>(schema: S) =>
  confidential(schema, { parties: ['to'], roles: ['tax-bureau'] });

/** Gives a transaction of this contract its types. */
export const transaction = <I extends z.ZodType>(
  definition: TransactionDefinition<InvoiceRecords, InvoiceEvents, I>,
) => definition;

/** Gives a query of this contract its types. */
export const query = <I extends z.ZodType>(definition: QueryDefinition<InvoiceRecords, I>) =>
  definition;
