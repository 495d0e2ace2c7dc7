/**
 * What the buyer's side does with one confidential invoice: an employee claims it, finance approves the claim and records its
 * reimbursement; each step starts from where the ledger says that the invoice stands.
 */
import { z } from 'zod';
import type { Outcome, Problem } from '../../invoice/import/gateway-client.ts';
import { memberOf } from '../../invoice/import/ledger-access.ts';
import type { SourceDocument } from '../../invoice/import/source-record.ts';
import { paymentReference } from '../../invoice/import/source-reference.ts';
import type { Claimant } from '../../invoice/import/writers.ts';
import { NOTHING, refusedBy, type Written } from '../../invoice/import/written.ts';
import type { ConfidentialLedger } from './confidential-ledger.ts';

const ClaimedSchema = z.object({ claim: z.string() });

/** Brings an invoice that the employer holds from where it stands to its reimbursement: claimed, approved, credited. */
export async function writeConfidentialClaim(
  ledger: ConfidentialLedger,
  record: SourceDocument,
  { purpose }: Claimant,
): Promise<Written> {
  const { client, keys, seller } = ledger;
  const { employee, finance } = keys;
  memberOf('employee', employee);
  memberOf('finance', finance);
  const number = (await ledger.payment(record.reference))?.invoice;
  if (!number) return NOTHING;
  const call = (step: string, key: string, path: string, body: object): Promise<Outcome> =>
    client.post({
      ...{ key, path: `/einvoices/claims${path}`, body },
      idempotencyKey: ledger.intent(record.reference, step),
    });
  const found = await ledger.record(number);
  let { status, claim } = found;
  let isOld = true;
  const move = (outcome: Outcome, next: typeof status): Problem | undefined => {
    if (!outcome.ok) return outcome.problem;
    status = next;
    isOld = false;
    return undefined;
  };
  let problem: Problem | undefined;
  if (status === 'issued') {
    const { holding, parts } = found;
    const invoices = [{ number, holding, parts: parts.length }];
    const claimed = await call('claim', employee!, '', { invoices, purpose });
    problem = move(claimed, 'claimed');
    if (claimed.ok) claim = ClaimedSchema.parse(claimed.output).claim;
  }
  if (!problem && status === 'claimed') {
    problem = move(await call('approve', finance!, `/${claim}/approve`, {}), 'approved');
  }
  if (!problem && status === 'approved') {
    const payment = paymentReference(seller, `bank ${record.reference}`);
    problem = move(await call('credited', finance!, `/${claim}/credited`, { payment }), 'credited');
  }
  if (problem) return { ...NOTHING, refusals: [refusedBy(record, problem)] };
  return { ...NOTHING, reimbursed: status === 'credited' ? 1 : 0, isOld };
}
