/**
 * Custodial calls with confidential fields: the node splits what its tenant calls, keeps the values in the member's
 * vault, and only then signs and submits what others see. Salts are random, so the same call made again is found in
 * the vault, by its caller's nonce.
 */
import type { TransactionStatus } from '../api/ledger-service.ts';
import { encodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { equalBytes, utf8 } from '../bytes/text.ts';
import { splitArguments } from '../contract/confidential.ts';
import type { TransactionDefinition } from '../contract/define.ts';
import { BATCH_ALGORITHM } from '../ledger/batch-signature.ts';
import { type Arguments, DIGESTS_FIELD, revealed } from '../ledger/disclosure.ts';
import { Rejected, rejected } from '../ledger/rejection.ts';
import { draftTransaction, parseTransaction, signedDraft } from '../ledger/transaction.ts';
import type { Custody } from '../ports/custody.ts';
import type { KeptValues, ValueKeeper } from '../ports/value-keeper.ts';
import type { CustodialCall, Ledger } from './custodial.ts';
import type { Replica } from './replica.ts';

/** Splits, keeps, signs and submits a call whose arguments fit `input`, or goes on with the same call made before. */
export async function submitConfidential(
  replica: Replica,
  custody: Custody,
  keeper: ValueKeeper,
  ledger: Ledger,
  identity: string,
  input: TransactionDefinition['input'],
  call: CustodialCall,
  waitMs: number,
): Promise<TransactionStatus | Rejected> {
  const keyId = custody.keyId(identity);
  if (!keyId) {
    return rejected('unknown-key', 'This node keeps no key of that identity.', { got: identity });
  }
  const name = call.nonce === undefined ? undefined : { keyId, nonce: call.nonce };
  const earlier = name && (await keeper.called(name));
  const again = earlier && (await goOn(keeper, ledger, earlier, call, waitMs));
  if (again) return again;
  const { args, disclosures } = splitArguments(input, call.args as Arguments, keeper.salt);
  const { input: signingInput } = draftTransaction(
    keyId,
    {
      ledger: replica.ledger,
      contract: call.contract,
      method: call.method,
      args,
      nonce: call.nonce ?? custody.nonce(),
      notAfter:
        replica.ports.time.now() + Math.floor(replica.epoch.parameters.transactionWindowMs / 2),
    },
    BATCH_ALGORITHM,
  );
  const jws = signedDraft(signingInput, await custody.sign(identity, utf8(signingInput)));
  const transaction = parseTransaction(jws);
  if (transaction instanceof Rejected) return transaction;
  const texts = disclosures.map(({ text }) => text);
  await keeper.keep({ transaction, disclosures: texts }, name);
  return ledger.submit(transaction, waitMs);
}

/**
 * What became of the same call made before, which is submitted again where that is not sure. Undefined where it was
 * another call, or can't stand in a block any more.
 */
async function goOn(
  keeper: ValueKeeper,
  ledger: Ledger,
  earlier: Digest,
  call: CustodialCall,
  waitMs: number,
): Promise<TransactionStatus | Rejected | undefined> {
  const kept = await keeper.read(earlier);
  const status = await ledger.transaction(earlier);
  const isFinal = status && status.status !== 'expired' && status.status !== 'pending';
  // Values that were erased can't be compared any more.
  if (!kept) return isFinal ? status : undefined;
  if (!isSame(kept, call) || status?.status === 'expired') return undefined;
  if (isFinal) return status;
  const outcome = await ledger.submit(kept.transaction, waitMs);
  const isOver = outcome instanceof Rejected && outcome.rejection.code === 'expired';
  return isOver ? undefined : outcome;
}

/** Whether kept values are those of a call: method, public fields and confidential ones. */
function isSame({ transaction, disclosures }: KeptValues, call: CustodialCall): boolean {
  const { contract, method, args } = transaction.body;
  if (contract !== call.contract || method !== call.method) return false;
  const { [DIGESTS_FIELD]: _, ...open } = args;
  const fields = [...revealed(args, disclosures)].map(([field, { value }]) => [field, value]);
  const all = { ...open, ...Object.fromEntries(fields) };
  return equalBytes(encodeCbor(all), encodeCbor(call.args));
}
