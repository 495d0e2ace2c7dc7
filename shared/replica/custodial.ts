/**
 * Custodial calls: the node signs for the tenant's identity. A call with a nonce of its caller's counts
 * once, without a table: its notAfter lies on a grid, so the same call made again is the same
 * transaction, and one that was made a few grid steps ago is found by its id, which needs no signature.
 */
import type { TransactionStatus } from '../api/ledger-service.ts';
import type { Value } from '../bytes/cbor.ts';
import { utf8 } from '../bytes/text.ts';
import { BATCH_ALGORITHM } from '../ledger/batch-signature.ts';
import type { Arguments } from '../ledger/disclosure.ts';
import { Rejected, rejected } from '../ledger/rejection.ts';
import {
  draftTransaction,
  parseTransaction,
  signedDraft,
  type Transaction,
} from '../ledger/transaction.ts';
import type { Custody } from '../ports/custody.ts';
import { notAfterCandidates } from './idempotent.ts';
import type { Replica } from './replica.ts';

export interface CustodialCall {
  readonly contract: string;
  readonly method: string;
  readonly args: Value;
  readonly nonce?: string;
}

/** What custodial calls need of the node's own service. */
export interface Ledger {
  submit(transaction: Transaction, waitMs: number): Promise<TransactionStatus | Rejected>;
  transaction(id: string): Promise<TransactionStatus | undefined>;
}

/** Signs a call as one that may be committed from now on, for half of the window. */
export async function signCall(
  replica: Replica,
  custody: Custody,
  identity: string,
  { contract, method, args, nonce = custody.nonce() }: CustodialCall,
): Promise<Transaction | Rejected> {
  const keyId = custody.keyId(identity);
  if (!keyId) return noSuchKey(identity);
  const { ledger, epoch, ports } = replica;
  const notAfter = ports.time.now() + Math.floor(epoch.parameters.transactionWindowMs / 2);
  const body = { ledger, contract, method, args: args as Arguments, nonce, notAfter };
  return signDraft(custody, identity, draftTransaction(keyId, body, BATCH_ALGORITHM).input);
}

async function signDraft(
  custody: Custody,
  identity: string,
  input: string,
): Promise<Transaction | Rejected> {
  return parseTransaction(signedDraft(input, await custody.sign(identity, utf8(input))));
}

/** The refusal of a call for an identity that is not this node's to sign for. */
export const noSuchKey = (identity: string): Rejected =>
  rejected('unknown-key', 'This node keeps no key of that identity.', { got: identity });

/** Signs and submits a call, or answers what became of the same call when it was made before. */
export async function submitCustodial(
  replica: Replica,
  custody: Custody,
  ledger: Ledger,
  identity: string,
  { contract, method, args, nonce }: CustodialCall,
  waitMs: number,
): Promise<TransactionStatus | Rejected> {
  const keyId = custody.keyId(identity);
  if (!keyId) return noSuchKey(identity);
  const { transactionWindowMs } = replica.epoch.parameters;
  const now = replica.ports.time.now();
  // Always as one of a batch, if only of itself: the same call is the same transaction, with the same header.
  const draft = (notAfter: number) =>
    draftTransaction(
      keyId,
      {
        ledger: replica.ledger,
        contract,
        method,
        args: args as Arguments,
        nonce: nonce ?? custody.nonce(),
        notAfter,
      },
      BATCH_ALGORITHM,
    );
  const [newest = now, ...earlier] =
    nonce === undefined
      ? [now + Math.floor(transactionWindowMs / 2)]
      : notAfterCandidates(now, transactionWindowMs);
  for (const time of earlier) {
    const status = await ledger.transaction(draft(time).id);
    if (status?.status === 'pending') return signAndSubmit(time);
    if (status && status.status !== 'expired') return status;
  }
  return signAndSubmit(newest);

  async function signAndSubmit(notAfter: number): Promise<TransactionStatus | Rejected> {
    const { input } = draft(notAfter);
    const transaction = await signDraft(custody, identity, input);
    return transaction instanceof Rejected ? transaction : ledger.submit(transaction, waitMs);
  }
}
