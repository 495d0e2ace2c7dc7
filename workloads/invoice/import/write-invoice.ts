/**
 * One invoice on the ledger: its payment, then itself. Where it might have been written before, what
 * is there is compared first, so that doing it again changes nothing.
 */
import type { LedgerAccess } from './ledger-access.ts';
import type { SourceDocument } from './source-record.ts';
import { externalId, paymentReference } from './source-reference.ts';
import { NOTHING, refusedBy, refusedWhole, reused, type Written } from './written.ts';

/** Records the payment and issues the invoice; `buyer` holds it from the start. */
export async function writeInvoice(
  ledger: LedgerAccess,
  record: SourceDocument,
  buyer: string | undefined,
): Promise<Written> {
  const { client, keys, seller } = ledger;
  const { currency, gross } = record.document;
  const reference = paymentReference(seller, record.reference);
  const amount = { currency, minor: gross };
  let payment = ledger.isRepeat ? await ledger.payment(reference) : undefined;
  if (!payment) {
    const paid = await client.post({
      key: keys['payment-platform'],
      path: '/payments',
      body: { reference, payee: seller, currency, amount: gross },
      idempotencyKey: ledger.intent(record.reference, 'pay'),
    });
    if (!paid.ok && paid.problem.reason !== 'payment-exists') {
      return refusedWhole(refusedBy(record, paid.problem, amount));
    }
    if (!paid.ok) payment = await ledger.payment(reference);
  }
  ledger.isRepeat = payment !== undefined;
  if (payment) {
    const isSame = payment.payee === seller && payment.currency === currency;
    if (!isSame || payment.amount !== gross) {
      return refusedWhole(reused(record, payment.amount));
    }
    if (payment.invoice !== null) return { ...NOTHING, invoices: 1, minor: gross, isOld: true };
  }
  const document = { ...record.document, externalId: externalId(seller, record.reference) };
  const issued = await client.post({
    key: keys.seller,
    path: '/invoices',
    body: { document, payments: [reference], ...(buyer === undefined ? {} : { buyer }) },
    idempotencyKey: ledger.intent(record.reference, 'issue'),
  });
  if (issued.ok || issued.problem.reason === 'payment-invoiced') {
    return { ...NOTHING, invoices: 1, minor: gross, isOld: !issued.ok };
  }
  return refusedWhole(refusedBy(record, issued.problem, amount));
}
