/**
 * The tenant's software keys in custodial mode: the node signs for identities whose keys it keeps.
 * They are other keys than the node's consensus key, which signs statements only.
 */
import type { TransactionBody } from '../ledger/transaction.ts';

export interface Custody {
  /** The key id (JWK thumbprint) of an identity's key; undefined where none is kept. */
  keyId(identity: string): string | undefined;
  /**
   * Signs a transaction body as a compact JWS with the identity's key. Without a nonce a random one
   * is taken. Throws where no key of that name is kept.
   */
  sign(
    identity: string,
    body: Omit<TransactionBody, 'nonce'> & { readonly nonce?: string },
  ): string;
}
