/** Files as a confidential field of a contract. */
import { z } from 'zod';
import { AttachmentSchema } from '../ledger/attachment.ts';
import { LIMITS } from '../ledger/limits.ts';
import { confidential, type Readers } from './confidential.ts';

/**
 * A field that may name files: whoever reads it reads them. They were uploaded to the caller's node before, and go to the
 * readers' vaults once the transaction is final.
 */
export const attachments = (readers: Readers) =>
  confidential(z.array(AttachmentSchema).min(1).max(LIMITS.attachmentsMax).optional(), readers);
