/**
 * Checks chosen confidential fields of a transaction offline: its receipt, and that each disclosure is the text of
 * one of the digests that were signed. What is not disclosed stays unknown, also whether it is there.
 */
import { z } from 'zod';
import type { Value } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { BadDisclosure, digestsIn, revealed } from '../ledger/disclosure.ts';
import { type ProvenReceipt, type Verdict, verdictOf, verifyReceipt } from './verify.ts';

/** Confidential fields of one transaction, as whoever holds them hands them on. */
export const DisclosureFileSchema = z.strictObject({
  format: z.literal('fuqi-disclosure-1'),
  receipt: z.unknown(),
  /** base64url of [salt, name, value] each (RFC 9901 §4.2). */
  disclosures: z.array(z.string()),
});

/** What is proven: the receipt, and the values of some of the transaction's confidential fields. */
export interface ProvenDisclosure extends ProvenReceipt {
  readonly fields: ReadonlyMap<string, Value>;
  /** Confidential fields that there are or may be, the disclosed ones included. */
  readonly digests: number;
}

/** Checks a file (parsed JSON) against the ledger id that the verifier trusts. */
export function verifyDisclosure(file: unknown, trusted: Digest): Verdict<ProvenDisclosure> {
  const parsed = DisclosureFileSchema.safeParse(file);
  if (!parsed.success) return verdictOf(DisclosureFileSchema, file, () => ({}) as never);
  const verdict = verifyReceipt(parsed.data.receipt, trusted);
  if (verdict.verdict !== 'VALID') return verdict;
  const { args } = verdict.transaction.body;
  try {
    const fields = revealed(args, parsed.data.disclosures);
    const values = new Map([...fields].map(([name, { value }]) => [name, value]));
    return { ...verdict, fields: values, digests: digestsIn(args).length };
  } catch (error) {
    if (!(error instanceof BadDisclosure)) throw error;
    return { verdict: 'INVALID', reason: error.message };
  }
}
