/**
 * The ledger as the importer's writers see it: the gateway with a key for each role, and what is
 * there already under a source's references.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { parseApiKey } from '../../../shared/api/tenant.ts';
import { NumberSchema, PaymentSchema, STATUSES } from '../records.ts';
import { type GatewayClient, GatewayFault } from './gateway-client.ts';
import { externalId, intentKey } from './source-reference.ts';

/** API keys by role. The last two are needed for reimbursement only. */
export interface ImportKeys {
  readonly 'payment-platform': string;
  readonly seller: string;
  readonly employee?: string;
  readonly finance?: string;
}

/** An invoice or note as lists show it. */
export const SummarySchema = z.object({
  number: NumberSchema,
  kind: z.enum(['invoice', 'reversal', 'credit-note']),
  status: z.enum(STATUSES),
  holder: z.object({ member: z.string(), person: z.string().nullable() }).nullable(),
  gross: z.int(),
});
export type Summary = z.infer<typeof SummarySchema>;
const ListSchema = z.object({ invoices: z.array(SummarySchema) });
const FullSchema = z.object({
  reversals: z.array(NumberSchema),
  document: z.object({ issuedOn: z.string(), net: z.int(), gross: z.int() }),
});

type Payment = z.infer<typeof PaymentSchema>;
type Full = z.infer<typeof FullSchema>;

/** One run of an import, by whichever contract. */
export interface ImportRun {
  readonly client: GatewayClient;
  readonly keys: ImportKeys;
  /** The merchant that the seller's key belongs to. */
  readonly seller: string;
  /**
   * Whether the last document was there already. Then the next is looked up before it is sent, so
   * that a repeated import isn't a list of refusals on the ledger.
   */
  isRepeat: boolean;
  /** An idempotency key of this run: a later one may try again what was refused now. */
  intent(reference: string, step: string): string;
}

export interface LedgerAccess extends ImportRun {
  payment(reference: string): Promise<Payment | undefined>;
  /** The invoice or credit note of a source's reference. */
  find(reference: string): Promise<Summary | undefined>;
  full(number: string): Promise<Full>;
}

/** The member that a key belongs to; throws where the text is no API key. */
export function memberOf(role: keyof ImportKeys, key: string | undefined): string {
  const member = key === undefined ? undefined : parseApiKey(key)?.member;
  if (member === undefined) throw new GatewayFault(`the API key for the role ${role} is not one`);
  return member;
}

export function importRun(client: GatewayClient, keys: ImportKeys): ImportRun {
  const seller = memberOf('seller', keys.seller);
  const run = randomUUID().slice(0, 8);
  return {
    client,
    keys,
    seller,
    isRepeat: false,
    intent: (reference, step) => `${intentKey(seller, reference, step)}.${run}`,
  };
}

export function ledgerAccess(client: GatewayClient, keys: ImportKeys): LedgerAccess {
  const run = importRun(client, keys);
  const { seller } = run;
  return {
    ...run,
    async payment(reference) {
      const path = `/payments/${encodeURIComponent(reference)}`;
      const found = await client.get(keys['payment-platform'], path);
      return found === undefined ? undefined : PaymentSchema.parse(found);
    },
    async find(reference) {
      const query = new URLSearchParams({ seller, externalId: externalId(seller, reference) });
      const list = ListSchema.parse(await client.get(keys.seller, `/invoices?${query}`));
      return list.invoices[0];
    },
    async full(number) {
      return FullSchema.parse(await client.get(keys.seller, `/invoices/${number}`));
    },
  };
}
