/** Transactions that a node makes by itself, signed by its peer key: the ledger knows it as its member's identity `node`. */
import type { TransactionStatus } from '../api/ledger-service.ts';
import { NODE_IDENTITY } from '../contract/system-records.ts';
import type { Rejected } from '../ledger/rejection.ts';
import { type CustodialCall, submitCustodial } from './custodial.ts';
import { nodeKeys, type Replica } from './replica.ts';
import { finalStatus, pendingStatus, submit } from './submit.ts';

/**
 * Submits a call of the node's own and does not wait for its end. Its nonce makes the call, made again after a crash,
 * the same transaction.
 */
export function submitAsNode(
  replica: Replica,
  call: CustodialCall & { readonly nonce: string },
): Promise<TransactionStatus | Rejected> {
  const ledger = {
    submit: submit.bind(undefined, replica),
    transaction: async (transaction: Parameters<typeof finalStatus>[1]) =>
      (await finalStatus(replica, transaction)) ?? pendingStatus(replica, transaction),
  };
  return submitCustodial(replica, nodeKeys(replica), ledger, NODE_IDENTITY, call, 0);
}
