/**
 * Why something was refused: a value from a closed union, never an exception. It crosses the HTTP
 * API through `shared/api/problem.ts` and stands in a block as the result of a rejected transaction,
 * so its texts are deterministic and hold no confidential value.
 */
import type { Value } from '../bytes/cbor.ts';

/** The closed list of codes. What each means for a caller is in docs/http.md. */
export type RejectionCode =
  // Refused before a block (also: a block that holds such a transaction is invalid).
  | 'malformed'
  | 'duplicate-field'
  | 'invalid-text'
  | 'inexact-number'
  | 'nested-too-deep'
  | 'too-large'
  | 'unsupported-algorithm'
  | 'wrong-ledger'
  | 'expired'
  | 'late'
  | 'not-after-too-far'
  | 'unknown-key'
  | 'bad-signature'
  | 'duplicate'
  | 'mempool-full'
  // A custodial call whose values this node has nowhere to keep.
  | 'no-vault'
  // The same while the vault goes from one of its member's nodes to another.
  | 'vault-moving'
  // A call that names a file which was not uploaded to this node.
  | 'unknown-attachment'
  // A call whose values not all of their readers took.
  | 'reader-unavailable'
  // A transaction whose contract asks for the signatures of nodes that see its values.
  | 'not-endorsed'
  | 'endorsement-refused'
  | 'endorser-unavailable'
  // A read of another member's confidential values.
  | 'not-granted'
  | 'holder-unavailable'
  | 'erased'
  // A read of what this node does not keep.
  | 'not-retained'
  // Recorded in a block as the transaction's result.
  | 'key-revoked'
  | 'unknown-contract'
  | 'unknown-method'
  | 'invalid-arguments'
  | 'forbidden'
  | 'contract-rejected'
  | 'contract-error'
  | 'limit-exceeded';

/** A refusal: what, where, what was found and what was expected. */
export interface Rejection {
  readonly code: RejectionCode;
  /** One sentence in English that says what to do. */
  readonly message: string;
  /** For `contract-rejected`: the contract's own reason, from its closed list, such as `already-claimed`. */
  readonly reason?: string;
  /** JSON pointer (RFC 6901) of the field at fault. */
  readonly pointer?: string;
  readonly got?: Value;
  readonly expected?: Value;
  /** For `invalid-arguments`: every field at fault. */
  readonly issues?: readonly { readonly pointer: string; readonly message: string }[];
  /** For `mempool-full`. */
  readonly limit?: Limit;
}

/** A bound that was met at `now`, and from when it is worth to ask again: milliseconds since 1970. */
export interface Limit {
  readonly name: string;
  readonly value: number;
  readonly now: number;
  readonly freesAt: number;
}

/** Marks a refusal where a function answers either a value or a refusal. */
export class Rejected {
  readonly rejection: Rejection;
  constructor(rejection: Rejection) {
    this.rejection = rejection;
  }
}

/** Builds a refusal. */
export const rejected = (
  code: RejectionCode,
  message: string,
  more: Omit<Rejection, 'code' | 'message'> = {},
): Rejected => new Rejected({ code, message, ...more });
