/** An employer's rules for claims: what it reimburses without a person's look. Whatever they don't cover is asked about. */
import { z } from 'zod';
import { AmountSchema, CurrencySchema } from '../invoice/document.ts';
import { MemberSchema, PurposeSchema } from '../invoice/records.ts';

const most = AmountSchema.min(0);

export const PolicySchema = z.strictObject({
  /** By currency, in minor units: what a claim comes to, and what an employee claims in a month (UTC). */
  most: z.record(CurrencySchema, z.strictObject({ claim: most, month: most })),
  purposes: z.array(PurposeSchema).min(1),
  /** Older invoices than this, at the time of the claim. */
  daysMax: z.int().min(1).max(3660),
  /** Members whose invoices a person looks at. */
  sellersExcluded: z.array(MemberSchema).default([]),
  /** Beginnings of classification codes of lines that a person looks at. */
  codesExcluded: z.array(z.string().min(1).max(64)).default([]),
});
export type Policy = z.infer<typeof PolicySchema>;

/** An invoice of a claim, as the employer's node has it; undefined values: it has none. */
export interface ClaimedInvoice {
  readonly number: string;
  readonly seller: string;
  readonly currency: string;
  readonly known:
    | {
        readonly issuedOn: string;
        /** What is left of it. */
        readonly gross: number;
        readonly codes: readonly string[];
      }
    | undefined;
}

export interface ClaimToDecide {
  /** When it was claimed, in milliseconds since 1970. */
  readonly at: number;
  readonly purpose: string | undefined;
  readonly invoices: readonly ClaimedInvoice[];
  /** What the employee's earlier claims of the month come to, by currency. */
  readonly spent: Readonly<Record<string, number>>;
}

const DAY_MS = 86_400_000;

/** Why a person has to look at a claim, each reason once; none: it is approved. */
export function reasonsToAsk(policy: Policy, claim: ClaimToDecide): string[] {
  const reasons = new Set<string>();
  const isKnownPurpose = policy.purposes.some((purpose) => purpose === claim.purpose);
  if (!isKnownPurpose) reasons.add('purpose');
  for (const { number, seller, known } of claim.invoices) {
    if (!known) reasons.add(`unknown ${number}`);
    if (policy.sellersExcluded.includes(seller)) reasons.add(`seller ${number}`);
    const isCode = (code: string): boolean =>
      policy.codesExcluded.some((beginning) => code.startsWith(beginning));
    if (known?.codes.some(isCode)) reasons.add(`code ${number}`);
    if (known && claim.at - Date.parse(known.issuedOn) > policy.daysMax * DAY_MS) {
      reasons.add(`old ${number}`);
    }
  }
  for (const [currency, amount] of Object.entries(totalsOf(claim.invoices))) {
    const bound = policy.most[currency];
    if (!bound) reasons.add(`currency ${currency}`);
    else if (amount > bound.claim) reasons.add(`claim ${currency}`);
    else if (amount + (claim.spent[currency] ?? 0) > bound.month) reasons.add(`month ${currency}`);
  }
  return [...reasons];
}

/** What invoices come to, by currency; of those that nothing is known of nothing. */
export function totalsOf(invoices: readonly ClaimedInvoice[]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const { currency, known } of invoices) {
    totals[currency] = (totals[currency] ?? 0) + (known?.gross ?? 0);
  }
  return totals;
}
