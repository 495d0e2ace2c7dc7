/** The ledger as the importer's writers of confidential invoices see it, and what is there already under a source's references. */
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import { type GatewayClient, GatewayFault } from '../../invoice/import/gateway-client.ts';
import { type ImportKeys, memberOf } from '../../invoice/import/ledger-access.ts';
import { intentKey } from '../../invoice/import/source-reference.ts';
import { InvoiceSchema, PaymentSchema } from '../records.ts';
import { checkCodeOf, paymentId } from './derived-ids.ts';

type Invoice = z.infer<typeof InvoiceSchema>;
type Values = Readonly<Record<string, unknown>>;

export interface ConfidentialLedger {
  readonly client: GatewayClient;
  readonly keys: ImportKeys;
  /** The merchant that the seller's key belongs to. */
  readonly seller: string;
  /** Whether the last document was there already: then the next is looked up before it is sent. */
  isRepeat: boolean;
  /** An idempotency key of this run: a later one may try again what was refused now. */
  intent(reference: string, step: string): string;
  /** What stands for a reference on the ledger. */
  idOf(reference: string): string;
  checkCodeOf(reference: string): string;
  /** The payment of a source's reference, where it was recorded. */
  payment(reference: string): Promise<{ readonly invoice: string | null } | undefined>;
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
  const seller = memberOf('seller', keys.seller);
  const run = randomUUID().slice(0, 8);
  const named = (reference: string): string => JSON.stringify([seller, reference]);
  const idOf = (reference: string): string => paymentId(secret, named(reference));
  return {
    client,
    keys,
    seller,
    isRepeat: false,
    intent: (reference, step) => `${intentKey(seller, reference, step)}.${run}`,
    idOf,
    checkCodeOf: (reference) => checkCodeOf(secret, named(reference)),
    async payment(reference) {
      const found = await client.get(keys.seller, `/einvoices/payments/${idOf(reference)}`);
      return found === undefined ? undefined : PaymentSchema.parse(found);
    },
    async record(number) {
      const found = await client.get(keys.seller, `/einvoices/${number}`);
      if (found === undefined) throw new GatewayFault(`there is no invoice ${number} any more`);
      return InvoiceSchema.parse(found);
    },
    values: (transaction) => client.values(keys.seller, transaction),
  };
}
