/**
 * What the buyer's side does with one invoice. An employee claims it, finance approves the claim and
 * records its reimbursement; each step starts from where the ledger says that the invoice stands.
 */
import type { z } from 'zod';
import type { PurposeSchema } from '../records.ts';
import type { Outcome, Problem } from './gateway-client.ts';
import { type LedgerAccess, memberOf, type Summary, SummarySchema } from './ledger-access.ts';
import type { SourceDocument } from './source-record.ts';
import { paymentReference } from './source-reference.ts';
import { NOTHING, refusedBy, type Written } from './written.ts';

/**
 * Brings an invoice from where it stands to its reimbursement: claimed, approved, credited. With a
 * `person` it is delivered to that employee, who assigns it to the employer.
 */
export async function writeReimbursement(
  ledger: LedgerAccess,
  record: SourceDocument,
  {
    person,
    purpose,
  }: { readonly person?: string; readonly purpose: z.infer<typeof PurposeSchema> },
): Promise<Written> {
  const { client, keys, seller } = ledger;
  const { employee, finance } = keys;
  const buyer = memberOf('employee', employee);
  memberOf('finance', finance);
  const invoice = await ledger.find(record.reference);
  if (invoice?.kind !== 'invoice') return NOTHING;
  const { number } = invoice;
  const call = (step: string, key: string | undefined, body: object): Promise<Outcome> =>
    client.post({
      key: key!,
      path: `/invoices/${number}/${step}`,
      body,
      idempotencyKey: ledger.intent(record.reference, step),
    });
  const bank = paymentReference(seller, `bank ${record.reference}`);
  let { status } = invoice;
  let isOld = true;
  const move = (outcome: Outcome, next: Summary['status']): Problem | undefined => {
    if (outcome.ok) {
      status = next;
      isOld = false;
      return undefined;
    }
    // Another run was here: it says where the invoice stands now.
    const { reason = '', got } = outcome.problem;
    const stands = SummarySchema.shape.status.safeParse(got);
    if (!['not-claimable', 'not-claimed'].includes(reason) || !stands.success) {
      return outcome.problem;
    }
    status = stands.data;
    return undefined;
  };
  let problem: Problem | undefined;
  if (status === 'issued' && invoice.holder === null) {
    problem = failed(await call('deliver', keys.seller, { member: buyer, ...named(person) }));
  }
  const isPersonal = invoice.holder ? invoice.holder.person !== null : person !== undefined;
  if (!problem && status === 'issued' && isPersonal) {
    problem = failed(await call('assign', employee, {}));
  }
  if (!problem && status === 'issued') {
    problem = move(await call('claim', employee, { purpose }), 'claimed');
  }
  if (!problem && status === 'claimed') {
    problem = move(await call('approve', finance, {}), 'approved');
  }
  if (!problem && status === 'approved') {
    problem = move(await call('credited', finance, { payment: bank }), 'credited');
  }
  if (problem) return { ...NOTHING, refusals: [refusedBy(record, problem)] };
  return { ...NOTHING, reimbursed: status === 'credited' ? 1 : 0, isOld };
}

const named = (person: string | undefined) => (person === undefined ? {} : { person });

const failed = (outcome: Outcome): Problem | undefined =>
  outcome.ok ? undefined : outcome.problem;
