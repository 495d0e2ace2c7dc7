/** What an import writes by the contract of confidential invoices. */
import type { WritersOf } from '../../invoice/import/writers.ts';
import { confidentialLedger } from './confidential-ledger.ts';
import { confidentialCancellations } from './write-confidential-cancellation.ts';
import { writeConfidentialClaim } from './write-confidential-claim.ts';
import { writeConfidentialInvoice } from './write-confidential-invoice.ts';

/** `secret`: 32 bytes that whoever imports the same again has to have. */
export const confidentialWriters =
  (secret: Uint8Array): WritersOf =>
  (client, keys) => {
    const ledger = confidentialLedger(client, keys, secret);
    return {
      contract: 'einvoice',
      seller: ledger.seller,
      invoice: (record, buyer) => writeConfidentialInvoice(ledger, record, buyer),
      cancellation: confidentialCancellations(ledger),
      reimbursement: (record, claimant) => writeConfidentialClaim(ledger, record, claimant),
    };
  };
