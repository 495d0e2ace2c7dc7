/** Claims of one employer as its own node has them: the ledger's records, and the hidden values that it holds. */
import { leftAfter, totalLeft } from '../../workloads/einvoice/left.ts';
import type { ClaimedInvoice } from '../../workloads/reimbursement/policy.ts';
import { invoiceRecord, invoiceValues, partValues } from '../einvoice-records.ts';
import { call, type Target } from '../gateway-call.ts';
import { type Values, valuesOf } from '../transaction-values.ts';

/** A claim's public record. */
export interface Claim {
  readonly id: string;
  readonly member: string;
  readonly employee: string;
  readonly numbers: readonly string[];
  readonly state: 'open' | 'approved' | 'refused' | 'withdrawn' | 'credited';
}

export const claimOf = async (target: Target, id: string): Promise<Claim> =>
  ((await call(target, `/einvoices/claims/${id}`)) as { output: Claim }).output;

/** The invoices of a claim, each with what is left of it. */
export const invoicesOf = (target: Target, { numbers }: Claim): Promise<ClaimedInvoice[]> =>
  Promise.all(numbers.map((number) => invoiceOf(target, number)));

async function invoiceOf(target: Target, number: string): Promise<ClaimedInvoice> {
  const record = await invoiceRecord(target, number);
  const { seller, currency, parts } = record;
  const read = (transaction: string) => valuesOf(target, transaction);
  const notes = await partValues(target, parts, read);
  const values = await invoiceValues(record, read);
  return { number, seller, currency, known: knownOf(values, notes) };
}

function knownOf(values: Values | undefined, notes: readonly (Values | undefined)[]) {
  const left = leftAfter(values as never, notes as never[]);
  if (!left) return undefined;
  const lines = values!.lines as readonly { readonly code?: string }[];
  const codes = lines.flatMap(({ code }) => code ?? []);
  return { issuedOn: left.issuedOn, gross: totalLeft(left).gross, codes };
}
