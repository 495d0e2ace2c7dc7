/**
 * From a refund to the red-letter note that takes its invoice back, or a part of it: once for each refund, however often it is
 * told. A note over a part bears a mark of its refund, which its seller, its buyer and the tax bureau see.
 */
import { createHmac } from 'node:crypto';
import { paymentId } from '../../workloads/einvoice/import/derived-ids.ts';
import { type Left, leftAfter, totalLeft } from '../../workloads/einvoice/left.ts';
import type { Invoice } from '../../workloads/einvoice/records.ts';
import { taxedAmount } from '../../workloads/invoice/tax.ts';
import { invoiceRecord, partValues } from '../einvoice-records.ts';
import { type Values, valuesOf } from '../transaction-values.ts';
import { NotFinalYet, type Payee, paymentOf, post } from './invoice-payment.ts';
import type { Refund } from './notification.ts';

const REASON = 'goods-returned';

/** What a refund is called here: nobody else connects it with the platform's number of it. */
export const refundId = (secret: Uint8Array, { refund_id }: Refund): string =>
  createHmac('sha256', secret).update(`refund ${refund_id}`).digest('hex').slice(0, 32);

/**
 * The number of the invoice that is taken back. Throws `CallRefused` where the ledger refuses that, `NotFinalYet` (also where
 * the payment has no invoice yet), or `UserError` where no gateway answers.
 */
export async function noteRefund(
  payee: Payee,
  refund: Refund,
  /** Times that the ledger rejected this note: a transaction that it rejected stays rejected. */
  rejected: number,
): Promise<string> {
  const { issuer, secret } = payee;
  const payment = await paymentOf(issuer, paymentId(secret, refund.transaction_id));
  if (!payment?.invoice) throw new NotFinalYet('the payment has no invoice yet');
  const number = payment.invoice;
  const record = await invoiceRecord(issuer, number);
  const id = refundId(secret, refund);
  const read = (transaction: string) => valuesOf(issuer, transaction);
  const issued = await read(record.transaction);
  const notes = await partValues(issuer, record.parts, read);
  if (record.status === 'reversed' || notes.some((note) => isOf(note, id))) return number;
  const left = leftAfter(issued as never, notes as never[]);
  if (!issued || !left) throw new NotFinalYet('the invoice is not shown to the issuer yet');
  const isAll = totalLeft(left).gross === refund.amount.refund;
  // A note that takes all needs no amounts: what rounding left goes with it.
  const body = isAll ? { reason: REASON } : await part(record, issued, left, refund, id, read);
  const route = `/einvoices/${number}/${isAll ? 'reversals' : 'partial-reversals'}`;
  await post(issuer, route, `refund-${id}-${record.parts.length}-${rejected}`, body);
  return number;
}

async function part(
  { holding, parts, transaction }: Invoice,
  issued: Values,
  left: Left,
  { amount, success_time }: Refund,
  id: string,
  read: (transaction: string) => Promise<Values | undefined>,
): Promise<object> {
  const to = (holding === transaction ? issued : await read(holding))?.to;
  // The invoice of a payment has one line.
  const { category, rateBp } = left.left[0]!;
  const { net, tax, gross } = taxedAmount(amount.refund, rateBp, true);
  return {
    ...{ holding, parts: parts.length, reason: REASON, ...(to !== undefined && { to }) },
    // The day where the refund was made: its time has that place's offset.
    issuedOn: success_time.slice(0, 10),
    rounding: 'per-line',
    lines: [{ description: markOf(id), category, rateBp, net, tax }],
    ...{ net, tax, gross },
  };
}

const markOf = (id: string): string => `退款 ${id}`;

const isOf = (note: Values | undefined, id: string): boolean =>
  (note?.lines as readonly { readonly description: string }[] | undefined)?.[0]?.description ===
  markOf(id);
