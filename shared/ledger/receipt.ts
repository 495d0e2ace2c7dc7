/**
 * Receipts and state proofs as JSON: self-contained, checkable offline with nothing but the ledger
 * id trusted. Digests are hex, other bytes base64url. The check is `shared/proof/verify.ts`; every
 * byte is described in docs/protocol.md.
 */
import type { Digest } from '../bytes/digest.ts';
import type { Genesis } from './genesis.ts';

/** RFC 9162 §2.1.3 inclusion proof. */
export interface InclusionProofJson {
  readonly index: number;
  readonly size: number;
  readonly path: readonly Digest[];
}

/** A certificate as JSON: signatures by validator index. */
export interface CertificateJson {
  readonly epoch: number;
  readonly round: number;
  readonly block: Digest;
  readonly signatures: readonly { readonly validator: number; readonly signature: string }[];
}

/**
 * Why a header is final: a chain of headers from its child on, each the parent of the next, the last
 * two in consecutive rounds of one epoch, and the certificate of the last. Headers are base64url of
 * their CBOR encoding. A header with only its own certificate is not final.
 */
export interface FinalityProof {
  readonly header: string;
  readonly descendants: readonly string[];
  readonly certificate: CertificateJson;
}

/** A hand-over: the final last block of an epoch and the validator set that it names for the next. */
export interface EpochHandover {
  readonly finality: FinalityProof;
  readonly validators: ValidatorSetJson;
}

/** A key's value in a state whose root is known, without the block. */
export interface StateEntryProof {
  readonly key: string;
  readonly value: string | null;
  readonly siblings: readonly Digest[];
  readonly other: { readonly path: Digest; readonly valueHash: Digest } | null;
}

/**
 * A hand-over that no quorum made: members agreed to recover the ledger. It proves who they were and
 * whose keys signed, by the state of the agreed block; the validators are those of the agreement.
 */
export interface RecoveryHandover {
  /** The general JWS that they signed. */
  readonly agreement: unknown;
  /** Of the agreed block; absent where it is the one of the hand-over before. */
  readonly finality?: FinalityProof;
  /** `governance/membership/current`; absent in the state: the members of the genesis document. */
  readonly membership: StateEntryProof;
  /** `identity/key/<key id>` of each signature. */
  readonly keys: readonly StateEntryProof[];
}

export interface ValidatorSetJson {
  readonly epoch: number;
  readonly tenureRounds: number;
  readonly validators: readonly {
    readonly member: string;
    readonly x: string;
    readonly y: string;
  }[];
}

/** How the block in question is anchored in what the members' validators certified. */
export interface Anchor {
  /** The block in question is `finality.header`, or, with `history`, an earlier one. */
  readonly finality: FinalityProof;
  /** For an earlier block: its header, and its id's place in the history of the final header. */
  readonly earlier?: { readonly header: string; readonly inclusion: InclusionProofJson };
  /** From the genesis document's own validators to the epoch of `finality`. */
  readonly genesis: Genesis;
  readonly handovers: readonly (EpochHandover | RecoveryHandover)[];
}

export interface Receipt {
  readonly format: 'fuqi-receipt-1';
  readonly ledger: Digest;
  readonly transaction: {
    readonly id: Digest;
    readonly jws: {
      readonly payload: string;
      readonly signatures: readonly { readonly protected: string; readonly signature: string }[];
    };
    readonly inclusion: InclusionProofJson;
  };
  readonly result: {
    /** The encoded result (base64url), which the tree covers; the API shows it decoded beside. */
    readonly encoded: string;
    readonly inclusion: InclusionProofJson;
  };
  readonly anchor: Anchor;
}

/** A proof that a key has this value, or none, in the state after a block. */
export interface StateProof {
  readonly format: 'fuqi-state-1';
  readonly ledger: Digest;
  readonly key: string;
  /** The encoded value (base64url CBOR), or null for absence. */
  readonly value: string | null;
  readonly siblings: readonly Digest[];
  /** For absence: the other leaf that stands where this key would, if any. */
  readonly other: { readonly path: Digest; readonly valueHash: Digest } | null;
  readonly anchor: Anchor;
}
