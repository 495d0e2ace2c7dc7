/**
 * Where a node keeps the confidential values that its member may know: its vault.
 *
 * The law:
 * - When `keep` answers true, the values are durable together with the call that they came with and the deliveries that
 *   they are due. What was kept of the same transaction before stays. Values that are not the transaction's are refused
 *   with `BadDisclosure`. It answers false, and keeps nothing, where the transaction's values were erased.
 * - When `erase` resolves, values, salts and deliveries of the transactions are gone, with the keys that sealed them, and
 *   nothing brings them back: not a `keep` or a rotation that is under way, nor one that comes later.
 * - `read` answers what was kept, unless it was erased.
 * - `held` answers all that is kept, in the order of ids, after one, at the most `limit`.
 * - `erasedUpTo` answers what `setErasedUpTo` was given last: how far the ledger's erasures were applied to this vault.
 *   It rests with the values, so a vault from a backup says how far that one was.
 * - `dueFrom` answers what `setDueFrom` was given last: from where on records are looked for that a rule says are due.
 * - `deliveriesChecked` answers what `setDeliveriesChecked` was given last; `lacking`, the transactions that were set to be
 *   lacking and not unset, in the order of their ids, after one, at the most `limit`.
 * - `noteLate` gives the transaction the number after the last one; `late` answers those that were noted, after a number,
 *   in their order; `lastLate` the last number, 0 where there is none.
 * - `called` answers the transaction that was kept last with a call of that name.
 * - `deliveries` answers what is due and not `delivered`, at the most `limit`, of one transaction or of all, after one.
 * - `reserve` takes all amounts for a transaction, or none and answers the reason of one that is too much: where what
 *   committed transactions took, what open ones take and the new amount are more than `max`. Taking it again for the same
 *   transaction takes nothing more. Of several at the same time none is overlooked. `outcome` says what became of others
 *   that took: what can't commit any more is given back.
 * - `settle` forgets of each transaction whose `notAfter` is before a time, and which is not open any more, what named its
 *   call, and of one that is over its values, too. It may be interrupted and done again.
 * - `unwrap` answers what `wrap` was given, for the reader whose key it was, and throws `BadEnvelope` for all else.
 */
import type { PublicJwk } from '../bytes/crypto.ts';
import type { Digest } from '../bytes/digest.ts';
import { type Attachment, attachmentsIn } from '../ledger/attachment.ts';
import { revealed, revealedValues } from '../ledger/disclosure.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { AttachmentKeeper } from './attachment-keeper.ts';
import type { VaultMove } from './vault-move.ts';

/** A transaction with what its confidential fields are, or some of them. */
export interface KeptValues {
  readonly transaction: Transaction;
  /** base64url of [salt, name, value] each (RFC 9901 §4.2). */
  readonly disclosures: readonly string[];
}

/** The values of some fields and no others. */
export function onlyFields(values: KeptValues, fields: readonly string[]): KeptValues {
  const all = revealed(values.transaction.body.args, values.disclosures);
  const disclosures = fields.flatMap((field) => all.get(field)?.text ?? []);
  return { transaction: values.transaction, disclosures };
}

/** The attachments that values name. Throws as `revealed`. */
export const attachmentsOf = ({ transaction, disclosures }: KeptValues): readonly Attachment[] =>
  attachmentsIn(revealedValues(transaction.body.args, disclosures));

/** Bytes of values before they are encrypted, about. */
export const sizeOf = ({ transaction, disclosures }: KeptValues): number =>
  disclosures.reduce((sum, text) => sum + text.length, transaction.bytes.length);

/** How a caller names a call, so that the same one made again is found: its key, and a nonce of its own. */
export interface CallName {
  readonly keyId: string;
  readonly nonce: string;
}

/** Fields of a transaction that a member is to get. Who reads is confidential, too: it rests sealed like the values. */
export interface Due {
  readonly to: string;
  readonly fields: readonly string[];
}

/** One of what a transaction is due. */
export interface Delivery extends Due {
  readonly transaction: Digest;
  readonly number: number;
}

/** Transactions whose values go in one envelope. */
export const ENVELOPE_VALUES_MAX = 64;

/** Readers that one call may have besides its own member: they are kept together with its values. */
export const DUE_MAX = 90;

/** Up to which height a member's node has looked whether it got what it reads by its roles, and when. */
export interface Checked {
  readonly height: number;
  readonly at: number;
}

/** An amount that a transaction takes of something that is bounded at this member. */
export interface Reservation {
  readonly name: string;
  /** Negative where it gives back. */
  readonly amount: number;
  readonly max: number;
  /** What is said where it is too much. */
  readonly reason: string;
}

/** A transaction, and after which block time it can't be committed any more. */
export interface Taker {
  readonly id: Digest;
  readonly notAfter: number;
}

/** What became of a transaction: `over` where it was rejected, or no block can take it any more. */
export type OutcomeOf = (transaction: Taker) => Promise<'committed' | 'open' | 'over'>;

/** An envelope that is none, or none for this member. It repeats nothing of it. */
export class BadEnvelope extends Error {}

/** One to another key than this vault has: its member rotated it meanwhile, or its sender is wrong. */
export class ForAnotherKey extends BadEnvelope {}

export interface ValueKeeper {
  /** Another node of the same member takes it over by this. */
  readonly move: VaultMove;
  /** The public half of the key that seals what is kept from now on. */
  readonly key: PublicJwk;
  /** Whether it opens what is encrypted to the key of this thumbprint. */
  opens(keyId: string): boolean;
  /** Files that values name: what `keep` brings of them is wanted, what is erased takes them along. */
  readonly attachments: AttachmentKeeper;
  /** 16 random bytes, other ones each time. */
  salt(): Uint8Array;
  keep(
    values: KeptValues,
    and?: { readonly call?: CallName | undefined; readonly due?: readonly Due[] },
  ): Promise<boolean>;
  /** What was never kept is no fault. */
  erase(ids: readonly Digest[]): Promise<void>;
  erasedUpTo(): Promise<string | undefined>;
  setErasedUpTo(place: string): Promise<void>;
  dueFrom(): Promise<string | undefined>;
  setDueFrom(place: string): Promise<void>;
  deliveriesChecked(): Promise<Checked | undefined>;
  setDeliveriesChecked(checked: Checked): Promise<void>;
  lacking(range: { readonly after?: string; readonly limit: number }): Promise<readonly Digest[]>;
  setLacking(id: Digest, isLacking: boolean): Promise<void>;
  /** Its values came when its events may have been told to others. */
  noteLate(id: Digest): Promise<void>;
  late(range: {
    readonly after: number;
    readonly limit: number;
  }): Promise<readonly { readonly number: number; readonly transaction: Digest }[]>;
  lastLate(): Promise<number>;
  read(id: Digest): Promise<KeptValues | undefined>;
  held(range: { readonly after?: Digest; readonly limit: number }): Promise<readonly KeptValues[]>;
  called(call: CallName): Promise<Digest | undefined>;
  /**
   * Gives a call's name to a transaction that is kept, in the place of the one that had it (undefined: none). Of several
   * at the same time one succeeds.
   */
  name(call: CallName, id: Digest, before: Digest | undefined): Promise<boolean>;
  deliveries(range: {
    readonly of?: Digest;
    readonly after?: Delivery;
    readonly limit: number;
  }): Promise<readonly Delivery[]>;
  delivered(delivery: Delivery): Promise<void>;
  reserve(
    taker: Taker,
    reservations: readonly Reservation[],
    outcome: OutcomeOf,
  ): Promise<string | undefined>;
  settle(before: number, outcome: OutcomeOf): Promise<void>;
  /** Encrypts values of one transaction or several to a reader's vault key. */
  wrap(reader: PublicJwk, values: readonly KeptValues[]): Promise<Uint8Array>;
  unwrap(envelope: Uint8Array): Promise<readonly KeptValues[]>;
}
