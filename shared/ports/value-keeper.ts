/**
 * Where a node keeps the confidential values that its member may know: its vault.
 *
 * The law:
 * - When `keep` resolves, the values are durable, and so is the call that they came with. Keeping the same again
 *   changes nothing. Values that are not the transaction's are refused with `BadDisclosure`.
 * - `read` answers what was kept, unless it was erased.
 * - `called` answers the transaction that was kept last with a call of that name.
 */
import type { Digest } from '../bytes/digest.ts';
import type { Transaction } from '../ledger/transaction.ts';

/** A transaction with what its confidential fields are. */
export interface KeptValues {
  readonly transaction: Transaction;
  /** base64url of [salt, name, value] each (RFC 9901 §4.2). */
  readonly disclosures: readonly string[];
}

/** How a caller names a call, so that the same one made again is found: its key, and a nonce of its own. */
export interface CallName {
  readonly keyId: string;
  readonly nonce: string;
}

export interface ValueKeeper {
  /** 16 random bytes, other ones each time. */
  salt(): Uint8Array;
  keep(values: KeptValues, call?: CallName): Promise<void>;
  read(id: Digest): Promise<KeptValues | undefined>;
  called(call: CallName): Promise<Digest | undefined>;
}
