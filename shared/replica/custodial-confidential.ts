/**
 * Custodial calls with confidential fields: the node splits what its tenant calls, keeps the values in the member's
 * vault, brings them to their readers, and submits what others see. Salts are random, so the same call made again is
 * found in the vault, by its caller's nonce.
 */
import type { TransactionStatus } from '../api/ledger-service.ts';
import { encodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { equalBytes } from '../bytes/text.ts';
import { invalidArguments } from '../contract/argument-issues.ts';
import { splitArguments } from '../contract/confidential.ts';
import type { TransactionDefinition } from '../contract/define.ts';
import { checkSignature, checkWindow, unknownKey } from '../execution/admissible.ts';
import {
  type Arguments,
  BadDisclosure,
  DIGESTS_FIELD,
  revealedValues,
} from '../ledger/disclosure.ts';
import { LIMITS } from '../ledger/limits.ts';
import { Rejected, rejected } from '../ledger/rejection.ts';
import type { Transaction } from '../ledger/transaction.ts';
import type { Custody } from '../ports/custody.ts';
import {
  attachmentsOf,
  type CallName,
  type Delivery,
  DUE_MAX,
  type KeptValues,
  type ValueKeeper,
} from '../ports/value-keeper.ts';
import { type CustodialCall, type Ledger, noSuchKey, signCall } from './custodial.ts';
import { deliver, startDelivering } from './deliver.ts';
import { withEndorsements } from './endorse.ts';
import { keyRecord } from './key-record.ts';
import { readersOf } from './readers.ts';
import { inBackground, type Replica } from './replica.ts';

/**
 * Splits, keeps, signs, delivers and submits a call whose arguments fit its definition, or goes on with the same call
 * made before.
 */
export async function submitConfidential(
  replica: Replica,
  custody: Custody,
  keeper: ValueKeeper,
  ledger: Ledger,
  identity: string,
  definition: TransactionDefinition,
  call: CustodialCall,
  waitMs: number,
): Promise<TransactionStatus | Rejected> {
  const keyId = custody.keyId(identity);
  if (!keyId) return noSuchKey(identity);
  const name = call.nonce === undefined ? undefined : { keyId, nonce: call.nonce };
  const goAhead = (transaction: Transaction): Promise<TransactionStatus | Rejected> =>
    deliverAndSubmit(replica, keeper, ledger, definition, transaction, waitMs);
  for (;;) {
    const earlier = name && (await keeper.called(name));
    const again = earlier && (await goOn(keeper, ledger, earlier, call, goAhead));
    if (again) return again;
    const made = await keepNew(replica, custody, keeper, identity, definition, call, name);
    if (made instanceof Rejected) return made;
    if (!name || (await keeper.name(name, made.id, earlier))) return goAhead(made);
    // The same call was made at the same time, and is going on.
    await keeper.erase([made.id]);
  }
}

/** Splits and signs a call with new salts, and keeps it. */
async function keepNew(
  replica: Replica,
  custody: Custody,
  keeper: ValueKeeper,
  identity: string,
  definition: TransactionDefinition,
  call: CustodialCall,
  name: CallName | undefined,
): Promise<Transaction | Rejected> {
  const { input } = definition;
  const { args, disclosures } = splitArguments(input, call.args as Arguments, keeper.salt);
  const transaction = await signCall(replica, custody, identity, { ...call, args });
  if (transaction instanceof Rejected) return transaction;
  const values = { transaction, disclosures: disclosures.map(({ text }) => text) };
  const refused = await keepDue(replica, keeper, definition, values, call.args as Arguments, name);
  return refused ?? transaction;
}

/**
 * Takes a transaction that an identity of this node's member signed itself, with its disclosures: keeps the values,
 * brings them to their readers, has it endorsed, and submits it. Sent again, it goes on from where it was.
 */
export async function submitDisclosed(
  replica: Replica,
  keeper: ValueKeeper,
  ledger: Ledger,
  definition: TransactionDefinition,
  values: KeptValues,
  waitMs: number,
): Promise<TransactionStatus | Rejected> {
  const { transaction } = values;
  const { id, keyIds } = transaction;
  const keyId = keyIds[0]!;
  const key = await keyRecord(replica, keyId);
  if (!key) return unknownKey(0, keyId);
  if (key.member !== replica.member) {
    return rejected(
      'forbidden',
      'The node of the member whose key signed keeps its values: send it there.',
      {
        got: key.member,
        expected: replica.member,
      },
    );
  }
  const bad = checkSignature(transaction, 0, key.jwk);
  if (bad) return bad;
  const status = await ledger.transaction(id);
  if (status && status.status !== 'pending') return status;
  const { transactionWindowMs } = replica.epoch.parameters;
  const now = replica.ports.time.now();
  const late = checkWindow(transaction, replica.ledger, now, transactionWindowMs);
  if (late) return late;
  let args: Arguments;
  try {
    args = wholeArguments(values);
  } catch (error) {
    if (!(error instanceof BadDisclosure)) throw error;
    return rejected('malformed', `The transaction comes with ${error.message}.`);
  }
  const parsed = definition.input.safeParse(args);
  if (!parsed.success) {
    return invalidArguments(parsed.error);
  }
  const refused = await keepDue(replica, keeper, definition, values, args, undefined);
  return refused ?? deliverAndSubmit(replica, keeper, ledger, definition, transaction, waitMs);
}

/** Keeps values, and that their readers are due them; answers why not. */
async function keepDue(
  replica: Replica,
  keeper: ValueKeeper,
  { input }: TransactionDefinition,
  values: KeptValues,
  args: Arguments,
  call: CallName | undefined,
): Promise<Rejected | undefined> {
  const { contract } = values.transaction.body;
  const readers = await readersOf(replica, contract, input, args);
  readers.delete(replica.member);
  if (readers.size > DUE_MAX) {
    return rejected('limit-exceeded', 'This call has more readers than one may have.', {
      got: readers.size,
      expected: DUE_MAX,
    });
  }
  const refused = await attach(replica, keeper, values);
  if (refused) return refused;
  const due = [...readers].map(([to, fields]) => ({ to, fields }));
  const kept = await keeper.keep(values, { call, due });
  return kept ? undefined : rejected('erased', 'The values were erased.');
}

/** Gives a transaction the files that its values name; answers why not. */
async function attach(
  replica: Replica,
  keeper: ValueKeeper,
  values: KeptValues,
): Promise<Rejected | undefined> {
  const named = attachmentsOf(values);
  const { attachmentsMax: expected } = LIMITS;
  if (named.length > expected) {
    const got = named.length;
    return rejected('limit-exceeded', 'A call has no more attachments.', { got, expected });
  }
  for (const attachment of named) {
    const attached = { transaction: values.transaction.id, attachment };
    if (await keeper.attachments.attach(attached, replica.ports.time.now())) continue;
    return rejected(
      'unknown-attachment',
      'This node has no such attachment: upload the file, and call with what the upload answers.',
      { got: attachment.digest },
    );
  }
  return undefined;
}

/** Brings the values to their readers, and submits: in this order, or side by side where the contract gives time. */
async function deliverAndSubmit(
  replica: Replica,
  keeper: ValueKeeper,
  ledger: Ledger,
  definition: TransactionDefinition,
  transaction: Transaction,
  waitMs: number,
): Promise<TransactionStatus | Rejected> {
  const due = await keeper.deliveries({ of: transaction.id, limit: DUE_MAX });
  const delivered = deliver(replica, keeper, due);
  if (definition.deliverWithinMs !== undefined) {
    const missing = (missed: readonly Delivery[]) => missed.length > 0 && startDelivering(replica);
    const faulted = (error: unknown) => replica.log('delivery-failed', { error: String(error) });
    inBackground(replica, delivered.then(missing).catch(faulted));
    return ledger.submit(transaction, waitMs);
  }
  const missed = await delivered;
  if (missed.length === 0) {
    const endorsed = await withEndorsements(replica, definition, transaction);
    return endorsed instanceof Rejected ? endorsed : ledger.submit(endorsed, waitMs);
  }
  // Who they are may be confidential.
  return rejected(
    'reader-unavailable',
    `The nodes of ${missed.length} of the members that are to read this did not take it, so nothing was submitted; the values are kept: send the same again.`,
    { got: missed.length },
  );
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
  goAhead: (transaction: Transaction) => Promise<TransactionStatus | Rejected>,
): Promise<TransactionStatus | Rejected | undefined> {
  const kept = await keeper.read(earlier);
  const status = await ledger.transaction(earlier);
  const isFinal = status && status.status !== 'expired' && status.status !== 'pending';
  // Values that were erased can't be compared any more.
  if (!kept) return isFinal ? status : undefined;
  if (!isSame(kept, call) || status?.status === 'expired') return undefined;
  if (isFinal) return status;
  const outcome = await goAhead(kept.transaction);
  const isOver = outcome instanceof Rejected && outcome.rejection.code === 'expired';
  return isOver ? undefined : outcome;
}

/** Whether kept values are those of a call: method, public fields and confidential ones. */
function isSame(kept: KeptValues, call: CustodialCall): boolean {
  const { contract, method } = kept.transaction.body;
  if (contract !== call.contract || method !== call.method) return false;
  return equalBytes(encodeCbor(wholeArguments(kept)), encodeCbor(call.args));
}

/** The arguments as they were called, confidential ones included. Throws `BadDisclosure`. */
function wholeArguments({ transaction, disclosures }: KeptValues): Arguments {
  const { [DIGESTS_FIELD]: _, ...open } = transaction.body.args;
  return { ...open, ...revealedValues(transaction.body.args, disclosures) };
}
