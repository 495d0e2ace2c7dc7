/**
 * The tenant's software keys in custodial mode: the node signs transactions for identities whose keys
 * it keeps. They are other keys than the node's consensus key, which signs statements only.
 */
export interface Custody {
  /** The key id (JWK thumbprint) of an identity's key; undefined where none is kept. */
  keyId(identity: string): string | undefined;
  /** The identity whose key this is; undefined where it is not kept. */
  identityOf(keyId: string): string | undefined;
  /**
   * A batch signature (`shared/ledger/batch-signature.ts`) of a transaction's signing input: what is asked
   * for at about the same time may share one. Throws where no such key is kept.
   */
  sign(identity: string, signingInput: Uint8Array): Promise<Uint8Array>;
  /** A random nonce for a call that brings none. */
  nonce(): string;
}
