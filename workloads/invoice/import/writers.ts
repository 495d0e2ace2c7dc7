/** By which contract an import writes: what it does with each document that was read. */
import type { z } from 'zod';
import type { PurposeSchema } from '../records.ts';
import type { GatewayClient } from './gateway-client.ts';
import { type ImportKeys, ledgerAccess } from './ledger-access.ts';
import type { CancellationMatch } from './match-cancellations.ts';
import type { SourceDocument } from './source-record.ts';
import { cancellationWriter } from './write-cancellation.ts';
import { writeInvoice } from './write-invoice.ts';
import { writeReimbursement } from './write-reimbursement.ts';
import type { Written } from './written.ts';

/** Who claims, and what for. */
export interface Claimant {
  readonly purpose: z.infer<typeof PurposeSchema>;
  /** The employee that the invoice is delivered to; left out, the employer holds it. */
  readonly person?: string;
}

/** All of them find what an earlier run wrote, and write it once. */
export interface ImportWriters {
  readonly contract: string;
  /** The merchant that the seller's key belongs to. */
  readonly seller: string;
  /** `buyer` holds the invoice from the start. */
  invoice(record: SourceDocument, buyer: string | undefined): Promise<Written>;
  cancellation(record: SourceDocument, match: CancellationMatch): Promise<Written>;
  reimbursement(record: SourceDocument, claimant: Claimant): Promise<Written>;
}

export type WritersOf = (client: GatewayClient, keys: ImportKeys) => ImportWriters;

/** Those of the public invoice contract. */
export const publicWriters: WritersOf = (client, keys) => {
  const ledger = ledgerAccess(client, keys);
  return {
    contract: 'invoice',
    seller: ledger.seller,
    invoice: (record, buyer) => writeInvoice(ledger, record, buyer),
    cancellation: cancellationWriter(ledger),
    reimbursement: (record, claimant) => writeReimbursement(ledger, record, claimant),
  };
};
