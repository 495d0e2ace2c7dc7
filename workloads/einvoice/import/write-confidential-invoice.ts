/** One confidential invoice: its payment, then itself. What is there from an earlier run is found by the payment's id. */
import { textDigest } from '../../../shared/contract/text-digest.ts';
import { GatewayFault } from '../../invoice/import/gateway-client.ts';
import type { SourceDocument } from '../../invoice/import/source-record.ts';
import { paymentReference } from '../../invoice/import/source-reference.ts';
import { NOTHING, refusedBy, refusedWhole, type Written } from '../../invoice/import/written.ts';
import type { ConfidentialLedger } from './confidential-ledger.ts';

/** Going on would write what is there already once more: as credit notes what was taken back before. */
const anotherSecret = ({ reference }: SourceDocument): GatewayFault =>
  new GatewayFault(
    `${reference} was imported with another secret: put that one in the place of this one (import.secret).`,
  );

/** Records the payment and issues the invoice; `buyer` holds it from the start. */
export async function writeConfidentialInvoice(
  ledger: ConfidentialLedger,
  record: SourceDocument,
  buyer: string | undefined,
): Promise<Written> {
  const { client, keys, seller } = ledger;
  const { externalId: _, ...document } = record.document;
  const { currency, gross } = document;
  const amount = { currency, minor: gross };
  const there: Written = { ...NOTHING, invoices: 1, minor: gross, isOld: true };
  const id = ledger.idOf(record.reference);
  let payment = ledger.isRepeat ? await ledger.payment(record.reference) : undefined;
  if (!payment) {
    const paid = await client.post({
      key: keys['payment-platform'],
      path: '/einvoices/payments',
      body: {
        ...{ id, payee: seller, currency, amount: gross },
        reference: paymentReference(seller, record.reference),
      },
      idempotencyKey: ledger.intent(record.reference, 'pay'),
    });
    if (!paid.ok) {
      // The bureau knows each payment by its own reference: one of another id was made with another secret.
      payment = await ledger.payment(record.reference);
      if (!payment && paid.problem.reason === 'payment-exists') throw anotherSecret(record);
      if (!payment) return refusedWhole(refusedBy(record, paid.problem, amount));
    }
  }
  ledger.isRepeat = payment !== undefined;
  if (payment && payment.invoice !== null) return there;
  const checkCode = ledger.checkCodeOf(record.reference);
  const issued = await client.post({
    key: keys.seller,
    path: '/einvoices',
    body: {
      ...document,
      payments: [id],
      check: textDigest(`${document.issuedOn} ${checkCode}`),
      checkCode,
      ...(buyer !== undefined && { to: buyer }),
      // The seller's own name of it stands nowhere else.
      note: document.note ?? record.reference,
    },
    idempotencyKey: ledger.intent(record.reference, 'issue'),
  });
  if (issued.ok) return { ...there, isOld: false };
  if (issued.problem.reason === 'payment-invoiced') return there;
  return refusedWhole(refusedBy(record, issued.problem, amount));
}
