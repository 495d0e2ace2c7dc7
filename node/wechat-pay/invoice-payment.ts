/**
 * From a payment to its invoice: recorded once and invoiced once, however often it is told and wherever this process
 * stopped. All that is random in the calls is derived from the payment and a secret, so that each attempt is the same.
 */
import { z } from 'zod';
import { textDigest } from '../../shared/contract/text-digest.ts';
import { checkCodeOf, paymentId } from '../../workloads/einvoice/import/derived-ids.ts';
import { PartySchema, RateBpSchema } from '../../workloads/invoice/document.ts';
import { MemberSchema } from '../../workloads/invoice/records.ts';
import { taxedAmount, withTotals } from '../../workloads/invoice/tax.ts';
import { CallRefused, call, type Target } from '../gateway-call.ts';
import type { PaidTransaction } from './notification.ts';

/** What an invoice says that a payment does not. */
export const InvoiceFormSchema = z.strictObject({
  seller: PartySchema,
  /** Who buys where the order does not say. */
  buyer: PartySchema,
  line: z.strictObject({
    description: z.string().min(1).max(500),
    code: z.string().min(1).max(64).optional(),
    rateBp: RateBpSchema,
  }),
});
export type InvoiceForm = z.infer<typeof InvoiceFormSchema>;

/** What an order's `attach` may say of its buyer, as JSON. */
const AttachSchema = z.strictObject({
  buyer: PartySchema.optional(),
  /** The member that buys. */
  to: MemberSchema.optional(),
});

export interface Payee {
  /** The merchant's member. */
  readonly member: string;
  /** Records payments: an identity of the payment platform. */
  readonly recorder: Target;
  /** Issues: an identity of the merchant. */
  readonly issuer: Target;
  readonly form: InvoiceForm;
  /** At least 32 bytes that nobody else has. */
  readonly secret: Uint8Array;
}

/** The ledger has it, and not yet an end of it: what is told again goes on. */
export class NotFinalYet extends Error {}

/**
 * The number of the payment's invoice. Throws `CallRefused` where the ledger refuses it, `NotFinalYet`, or `UserError`
 * where no gateway answers.
 */
export async function invoicePayment(
  payee: Payee,
  paid: PaidTransaction,
  /** Times that the ledger rejected this invoice: a transaction that it rejected stays rejected. */
  rejected: number,
): Promise<string> {
  const id = paymentId(payee.secret, paid.transaction_id);
  const recorded = await paymentOf(payee.issuer, id);
  if (recorded?.invoice) return recorded.invoice;
  if (!recorded) {
    await post(payee.recorder, '/einvoices/payments', `record-${id}`, {
      id,
      reference: paid.transaction_id,
      payee: payee.member,
      currency: paid.amount.currency,
      amount: paid.amount.total,
      ...payerOf(paid),
    });
  }
  const { output } = await post(
    payee.issuer,
    '/einvoices',
    `issue-${id}-${rejected}`,
    invoiceOf(payee, paid, id),
  );
  return output.number;
}

/** By the merchant's own app, where it has one. */
function payerOf({ payer = {} }: PaidTransaction): { readonly payer?: string } {
  const id = payer.openid ?? payer.sub_openid ?? payer.sp_openid;
  return id === undefined ? {} : { payer: id };
}

function invoiceOf({ form, secret }: Payee, paid: PaidTransaction, id: string): object {
  const { description, code, rateBp } = form.line;
  const { net, tax } = taxedAmount(paid.amount.total, rateBp, true);
  const { buyer = form.buyer, to } = attached(paid.attach);
  // The day where the payment was made: its time has that place's offset.
  const issuedOn = paid.success_time.slice(0, 10);
  const checkCode = checkCodeOf(secret, paid.transaction_id);
  const document = withTotals({
    ...{ currency: paid.amount.currency, seller: form.seller, buyer, issuedOn },
    lines: [{ description, ...(code && { code }), net, rateBp, tax }],
    rounding: 'per-line',
  });
  const check = textDigest(`${issuedOn} ${checkCode}`);
  return { ...document, payments: [id], check, checkCode, ...(to && { to }) };
}

/** An order may be about something else: then it says nothing of a buyer. */
function attached(attach: string | undefined): z.infer<typeof AttachSchema> {
  try {
    return AttachSchema.parse(JSON.parse(attach ?? '{}'));
  } catch {
    return {};
  }
}

/** The payment of an id, where it was recorded; and its invoice. */
export async function paymentOf(
  target: Target,
  id: string,
): Promise<{ readonly invoice: string | null } | undefined> {
  try {
    const { output } = (await call(target, `/einvoices/payments/${id}`)) as {
      output: { invoice: string | null };
    };
    return output;
  } catch (error) {
    if (error instanceof CallRefused && error.status === 404) return undefined;
    throw error;
  }
}

/** Calls until it is final. Throws `CallRefused`, or `NotFinalYet`. */
export async function post(target: Target, route: string, idempotencyKey: string, body: object) {
  const headers = { 'idempotency-key': idempotencyKey, prefer: 'wait=20' };
  const answer = (await call(target, route, { body: JSON.stringify(body), headers })) as {
    status: string;
    output: { number: string };
  };
  if (answer.status !== 'committed') throw new NotFinalYet(`${route} is ${answer.status}`);
  return answer;
}
