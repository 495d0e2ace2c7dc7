/** Admission of the transactions that another node brings: it checks what it brings, so one that is forged is its own fault. */
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction, type Transaction } from '../ledger/transaction.ts';
import { admitTogether } from './admit.ts';
import { BadMessage } from './bad-message.ts';
import { NO_ROOM } from './forward.ts';
import type { Replica } from './replica.ts';

/** So many are admitted together; what is beyond a member's room is found between two lots. */
const LOT = 32;
/** So many that there is no room for are looked at; the sender brings the rest again. */
const WITHOUT_ROOM_MAX = 64;

export interface Brought {
  readonly admitted: readonly Transaction[];
  /** Whether there was no room for some of them. */
  readonly withoutRoom: boolean;
  /** One that does not check; nothing after it was read. */
  readonly forged?: BadMessage;
}

/** Admits encoded transactions in their order. Refusals are the sender's business: its own node answers its client. */
export async function admitBrought(
  replica: Replica,
  encoded: readonly Uint8Array[],
): Promise<Brought> {
  const admitted: Transaction[] = [];
  let withoutRoom = 0;
  for (let from = 0; from < encoded.length && withoutRoom < WITHOUT_ROOM_MAX; from += LOT) {
    const lot = decodeLot(encoded.slice(from, from + LOT));
    for (const [index, outcome] of (await admitTogether(replica, lot.transactions)).entries()) {
      if (outcome === 'admitted') admitted.push(lot.transactions[index]!);
      if (!(outcome instanceof Rejected)) continue;
      const { code } = outcome.rejection;
      if (code === NO_ROOM) withoutRoom++;
      if (code === 'bad-signature') lot.forged = outcome;
    }
    if (lot.forged) {
      const what = `a transaction that does not check: ${lot.forged.rejection.message}`;
      const forged = new BadMessage('forged-transaction', what);
      return { admitted, withoutRoom: withoutRoom > 0, forged };
    }
  }
  return { admitted, withoutRoom: withoutRoom > 0 };
}

/** Decodes up to the first that can't be. */
function decodeLot(encoded: readonly Uint8Array[]): {
  readonly transactions: readonly Transaction[];
  forged: Rejected | undefined;
} {
  const transactions: Transaction[] = [];
  for (const bytes of encoded) {
    const transaction = decodeTransaction(bytes);
    if (transaction instanceof Rejected) return { transactions, forged: transaction };
    transactions.push(transaction);
  }
  return { transactions, forged: undefined };
}
