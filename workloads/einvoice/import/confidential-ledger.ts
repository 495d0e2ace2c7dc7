/** The ledger as the importer's writers of confidential invoices see it, and what is there already under a source's references. */
import { z } from 'zod';
import { type GatewayClient, GatewayFault } from '../../invoice/import/gateway-client.ts';
import { type ImportKeys, type ImportRun, importRun } from '../../invoice/import/ledger-access.ts';
import { InvoiceSchema, PaymentSchema } from '../records.ts';
import { checkCodeOf, paymentId } from './derived-ids.ts';

type Invoice = z.infer<typeof InvoiceSchema>;
type Values = Readonly<Record<string, unknown>>;
const CreditNoteSchema = z.object({ note: z.string() });

export interface ConfidentialLedger extends ImportRun {
  /** What stands for a reference on the ledger. */
  idOf(reference: string): string;
  checkCodeOf(reference: string): string;
  /** The payment of a source's reference, where it was recorded. */
  payment(reference: string): Promise<{ readonly invoice: string | null } | undefined>;
  /** The number of the credit note of a source's reference, where it was written. */
  creditNote(reference: string): Promise<string | undefined>;
  record(number: string): Promise<Invoice>;
  /** What a transaction hides, as the seller is shown it. */
  values(transaction: string): Promise<Values | undefined>;
}

/** `secret`: whoever imports the same again has to have the same. */
export function confidentialLedger(
  client: GatewayClient,
  keys: ImportKeys,
  secret: Uint8Array,
): ConfidentialLedger {
  const run = importRun(client, keys);
  const named = (reference: string): string => JSON.stringify([run.seller, reference]);
  const idOf = (reference: string): string => paymentId(secret, named(reference));
  return {
    ...run,
    idOf,
    checkCodeOf: (reference) => checkCodeOf(secret, named(reference)),
    async payment(reference) {
      const found = await client.get(keys.seller, `/einvoices/payments/${idOf(reference)}`);
      return found === undefined ? undefined : PaymentSchema.parse(found);
    },
    async creditNote(reference) {
      const found = await client.get(keys.seller, `/einvoices/credit-notes/${idOf(reference)}`);
      return found === undefined ? undefined : CreditNoteSchema.parse(found).note;
    },
    async record(number) {
      const found = await client.get(keys.seller, `/einvoices/${number}`);
      if (found === undefined) throw new GatewayFault(`there is no invoice ${number} any more`);
      return InvoiceSchema.parse(found);
    },
    values: (transaction) => client.values(keys.seller, transaction),
  };
}
