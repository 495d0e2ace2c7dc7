/** What happens to confidential invoices, as the tax bureau's node knows it: an event of the ledger with its hidden values. */
import { textDigest } from '../../shared/contract/text-digest.ts';
import { groupsOf } from '../einvoice/left.ts';
import type { TaxGroup } from '../invoice/tax.ts';

interface Happened {
  /** Block time, in milliseconds since 1970. */
  readonly at: number;
}
export interface Issued extends Happened {
  readonly what: 'issued';
  readonly number: string;
  readonly seller: string;
  /** The member that bought, if it is one. */
  readonly buyer: string | null;
  readonly region: string | null;
  readonly currency: string;
  readonly groups: readonly TaxGroup[];
  /** The same for invoices of one seller to one buyer over the same lines. */
  readonly sameness: string;
}
export interface Reversed extends Happened {
  readonly what: 'reversed';
  readonly number: string;
}
export interface ReversedInPart extends Happened {
  readonly what: 'reversed-in-part';
  readonly number: string;
  readonly groups: readonly TaxGroup[];
}
/** A note to an invoice elsewhere. */
export interface CreditNoted
  extends Happened,
    Pick<Issued, 'number' | 'seller' | 'buyer' | 'region' | 'currency' | 'groups'> {
  readonly what: 'credit-noted';
}
export const MOVES = ['claimed', 'approved', 'refused', 'withdrawn', 'credited'] as const;
export interface Moved extends Happened {
  readonly what: (typeof MOVES)[number];
  readonly claim: string;
  readonly numbers: readonly string[];
}
export interface Delivered extends Happened {
  readonly what: 'delivered';
  readonly number: string;
}
export interface Declared extends Happened {
  readonly what: 'declared';
  readonly seller: string;
  readonly numbers: readonly string[];
}
export interface LimitSet extends Happened {
  readonly what: 'credit-limit-set';
  readonly merchant: string;
  readonly currency: string;
  readonly limit: number;
}
/** One whose values the bureau's node does not have, or not any more. */
export interface Unknown extends Happened {
  readonly what: 'unknown';
  readonly event: string;
  readonly transaction: string;
}
export type Happening =
  | Issued
  | Reversed
  | ReversedInPart
  | CreditNoted
  | Moved
  | Delivered
  | Declared
  | LimitSet
  | Unknown;

/** An event of the contract: its type without the contract's name, and its data. */
export interface ContractEvent {
  readonly type: string;
  readonly at: number;
  readonly transaction: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Events that tell nothing without the hidden values of their transaction. */
export const needsValues = (type: string): boolean =>
  ['issued', 'reversed-in-part', 'credit-noted', 'credit-limit-set'].includes(type);

/** What is public of an invoice, as its record has it. */
export interface PublicInvoice {
  readonly seller: string;
  readonly currency: string;
}

/** What an event means; undefined for one that is about nothing here. `values`: the hidden ones, where it needs them. */
export function happeningOf(
  { type, at, transaction, data }: ContractEvent,
  values: Readonly<Record<string, unknown>> | undefined,
  invoice: PublicInvoice | undefined,
): Happening | undefined {
  const number = data.number as string;
  const unknown: Unknown = { what: 'unknown', at, event: type, transaction };
  switch (type) {
    case 'issued': {
      const groups = groupsOf(values as never);
      if (!groups || !invoice) return unknown;
      return { what: 'issued', at, number, ...invoice, ...partiesOf(values!, invoice), groups };
    }
    case 'reversed':
    case 'delivered':
      return { what: type, at, number };
    case 'reversed-in-part': {
      const groups = groupsOf(values as never);
      return groups ? { what: 'reversed-in-part', at, number, groups } : unknown;
    }
    case 'credit-noted': {
      const groups = groupsOf(values as never);
      if (!groups || !invoice) return unknown;
      const { buyer, region } = partiesOf(values!, invoice);
      return { what: 'credit-noted', at, number, ...invoice, buyer, region, groups };
    }
    case 'declared': {
      const { seller, numbers } = data as { seller: string; numbers: string[] };
      return { what: 'declared', at, seller, numbers };
    }
    case 'credit-limit-set': {
      const { merchant, currency } = data as { merchant: string; currency: string };
      if (typeof values?.limit !== 'number') return unknown;
      return { what: 'credit-limit-set', at, merchant, currency, limit: values.limit };
    }
    default: {
      const what = MOVES.find((move) => move === type);
      const { claim, numbers } = data as { claim: string; numbers: string[] };
      return what && { what, at, claim, numbers };
    }
  }
}

interface Party {
  readonly name?: string;
  readonly taxId?: string;
}

function partiesOf(values: Readonly<Record<string, unknown>>, { seller: member }: PublicInvoice) {
  const { seller, buyer, lines, to } = values as {
    readonly seller?: Party;
    readonly buyer?: Party;
    readonly lines?: unknown;
    readonly to?: string;
  };
  return {
    buyer: to ?? null,
    region: regionOf(seller?.taxId),
    sameness: textDigest(JSON.stringify([member, buyer?.taxId ?? buyer?.name, lines])),
  };
}

/**
 * The administrative division (GB/T 2260, six digits) in a taxpayer's number: characters 3 to 8 of a unified social credit
 * code (GB 32100-2015), the first six of the fifteen that went before it. Null for any other number.
 */
export function regionOf(taxId: string | undefined): string | null {
  const match = /^(?:[0-9A-Z]{2}(\d{6})[0-9A-Z]{10}|(\d{6})[0-9A-Z]{9})$/.exec(taxId ?? '');
  return match?.[1] ?? match?.[2] ?? null;
}
