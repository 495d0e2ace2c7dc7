/**
 * Endorsements: the nodes of those who see a transaction's hidden values check a rule over them and sign. What is signed
 * is the transaction's payload, its digests and its time with it, so an endorsement is of these values and ends with it.
 */
import { encodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { fromUtf8, toBase64Url, utf8 } from '../bytes/text.ts';
import { ENDORSED_MAX } from '../consensus/message.ts';
import { bindEndorsement, ContractRejection } from '../contract/bind.ts';
import { confidentialFields } from '../contract/confidential.ts';
import type { Contract, Endorsement, TransactionDefinition } from '../contract/define.ts';
import { NODE_IDENTITY } from '../contract/system-records.ts';
import { checkWindow } from '../execution/admissible.ts';
import { callerOf } from '../execution/run-transaction.ts';
import { BATCH_ALGORITHM } from '../ledger/batch-signature.ts';
import { type Arguments, revealedValues } from '../ledger/disclosure.ts';
import { Rejected, rejected } from '../ledger/rejection.ts';
import { decodeTransaction, TRANSACTION_TYPE, type Transaction } from '../ledger/transaction.ts';
import type { Reservation, ValueKeeper } from '../ports/value-keeper.ts';
import { keyRecord } from './key-record.ts';
import { activeMembers, contractNow, memberRecord, rolesOf } from './readers.ts';
import type { Replica } from './replica.ts';
import { runWithValues } from './run-with-values.ts';
import { ask } from './tell.ts';
import { togetherByName } from './together.ts';
import { outcomeOf } from './values-record.ts';

/** An entry of a JWS (RFC 7515 §7.2.1). */
interface Signed {
  readonly protected: string;
  readonly signature: Uint8Array;
}

/** A refusal by the rule itself: `refused <reason>`. */
const REFUSED = /^refused ([a-z0-9-]{1,64})$/;

/**
 * Endorses what another node asks for: of each transaction a protected header and a signature, or an empty part and why not. A
 * fault of one is none of the others'.
 */
export async function endorseAll(
  replica: Replica,
  ids: readonly Digest[],
): Promise<readonly Uint8Array[]> {
  const ends = await Promise.all(
    ids.map((id) =>
      endorse(replica, id).catch((error: unknown) => {
        replica.log('endorsement-failed', { transaction: id, error: String(error) });
        return 'a fault';
      }),
    ),
  );
  return ends.flatMap((end) =>
    typeof end === 'string' ? [new Uint8Array(), utf8(end)] : [utf8(end.protected), end.signature],
  );
}

/** Checks a transaction whose values this node has, and signs it; answers why not in a word. */
async function endorse(replica: Replica, id: Digest): Promise<Signed | string> {
  const { keeper, nodeCustody } = replica;
  if (!keeper || !nodeCustody) return 'no-vault';
  const kept = await keeper.read(id);
  if (!kept) return 'not-held';
  const { transaction, disclosures } = kept;
  const { contract: name, method, args } = transaction.body;
  const contract = await contractNow(replica, name);
  const definition = contract?.transactions[method];
  if (!contract || !definition?.endorsement) return 'no-endorsement';
  const roles = await rolesOf(replica, replica.member);
  const own = definition.endorsement.roles.filter((role) => roles.includes(`${name}.${role}`));
  if (own.length === 0) return 'not-an-endorser';
  const time = Math.max(replica.head.header.time, replica.ports.time.now());
  const { transactionWindowMs } = replica.epoch.parameters;
  if (checkWindow(transaction, replica.ledger, time, transactionWindowMs)) return 'expired';
  const input = checkedInput(definition, own, args, revealedValues(args, disclosures));
  if (!input) return 'refused invalid-values';
  const reserved = await check(replica, keeper, contract, definition.endorsement, {
    ...{ transaction, input, time },
  });
  if (typeof reserved === 'string') return `refused ${reserved}`;
  const taker = { id, notAfter: transaction.body.notAfter };
  const tooMuch = await keeper.reserve(taker, reserved, outcomeOf(replica));
  if (tooMuch !== undefined) return `refused ${tooMuch}`;
  const kid = nodeCustody.keyId(NODE_IDENTITY)!;
  const header = { alg: BATCH_ALGORITHM, typ: TRANSACTION_TYPE, kid };
  const head = toBase64Url(utf8(JSON.stringify(header)));
  const signature = await nodeCustody.sign(NODE_IDENTITY, utf8(`${head}.${transaction.payload}`));
  return { protected: head, signature };
}

/** Public fields, and those confidential ones that are here; undefined where one is missing or does not fit its schema. */
function checkedInput(
  { input }: TransactionDefinition,
  roles: readonly string[],
  args: Arguments,
  fields: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  const { shape } = input as unknown as { shape: Record<string, TransactionDefinition['input']> };
  const checked: Record<string, unknown> = {};
  for (const [name, { roles: readers = [] }] of confidentialFields(input)) {
    const reads = roles.some((role) => readers.includes(role));
    if (!reads && !Object.hasOwn(fields, name)) continue;
    const parsed = shape[name]!.safeParse(fields[name]);
    if (!parsed.success) return undefined;
    if (parsed.data !== undefined) checked[name] = parsed.data;
  }
  // Fields that nobody declared have no schema.
  if (Object.keys(fields).some((name) => !confidentialFields(input).has(name))) return undefined;
  for (const [name, schema] of Object.entries(shape)) {
    if (confidentialFields(input).has(name)) continue;
    const parsed = schema.safeParse(args[name]);
    if (!parsed.success) return undefined;
    if (parsed.data !== undefined) checked[name] = parsed.data;
  }
  return checked;
}

/** Runs the rule; answers what it reserves, or the reason of its refusal. */
async function check(
  replica: Replica,
  keeper: ValueKeeper,
  contract: Contract,
  endorsement: Endorsement,
  {
    transaction,
    input,
    time,
  }: {
    readonly transaction: Transaction;
    readonly input: Record<string, unknown>;
    readonly time: number;
  },
): Promise<readonly Reservation[] | string> {
  const keyId = transaction.keyIds[0]!;
  const key = await keyRecord(replica, keyId);
  const member = key && (await memberRecord(replica, key.member));
  if (!key || !member) return 'unknown-caller';
  const caller = callerOf(keyId, key, member);
  try {
    return await runWithValues(replica, keeper, (state, values) => {
      const reserved = new Map<string, Reservation>();
      const context = bindEndorsement(contract, state, {
        ...{ caller, time, transactionId: transaction.id, refuses: endorsement.refuses, values },
        reserve(name, amount, max, reason) {
          const sum = (reserved.get(name)?.amount ?? 0) + amount;
          reserved.set(name, { name, amount: sum, max, reason });
        },
      });
      endorsement.check(context, input);
      return [...reserved.values()];
    });
  } catch (error) {
    if (error instanceof ContractRejection) return error.reason;
    throw error;
  }
}

/** Asks for all endorsements that a transaction needs, side by side; answers it with them. */
export async function withEndorsements(
  replica: Replica,
  { endorsement }: TransactionDefinition,
  transaction: Transaction,
): Promise<Transaction | Rejected> {
  if (!endorsement) return transaction;
  const { contract } = transaction.body;
  const members = await activeMembers(replica);
  const answers = await Promise.all(
    endorsement.roles.map((role) => {
      const able = members.filter(({ roles }) => roles.includes(`${contract}.${role}`));
      return oneOf(
        replica,
        able.map(({ id }) => id),
        transaction.id,
      );
    }),
  );
  const signed = new Map<string, Signed>();
  for (const answer of answers) {
    if (answer instanceof Rejected) return answer;
    signed.set(answer.protected, answer);
  }
  const [caller] = transaction.signatures;
  const entries = [caller!, ...signed.values()].map((one) => [one.protected, one.signature]);
  return decodeTransaction(encodeCbor([transaction.payload, entries] as never));
}

/** The signature of one of several nodes: a rule's refusal is the same for all, so the next is asked only where one is away. */
async function oneOf(
  replica: Replica,
  members: readonly string[],
  id: Digest,
): Promise<Signed | Rejected> {
  for (const member of members) {
    const answer = await askOne(replica, member, id);
    if (typeof answer !== 'string') return answer;
    const [, reason] = REFUSED.exec(answer) ?? [];
    if (reason !== undefined) {
      return rejected('endorsement-refused', 'A node that checks the hidden values refuses them.', {
        reason,
      });
    }
    replica.log('not-endorsed', { member, transaction: id, why: answer });
  }
  return rejected(
    'endorser-unavailable',
    'No node that could check the hidden values answers now, so nothing was submitted: send the same again.',
  );
}

/** Messages under way to an endorser. */
const WAYS = 2;

/** What is asked of each member. */
const outbox = togetherByName<Replica, Digest, Signed | string>((replica, member) => ({
  ways: WAYS,
  take: (waiting) => Math.min(waiting.length, ENDORSED_MAX),
  run: (lot) => send(replica, member, lot),
}));

/** Asks one node, together with what else is asked of it. */
const askOne = async (replica: Replica, member: string, id: Digest): Promise<Signed | string> =>
  member === replica.member ? endorse(replica, id) : outbox(replica, member).add(id);

async function send(
  replica: Replica,
  member: string,
  ids: readonly Digest[],
): Promise<readonly (Signed | string)[]> {
  const reply = await ask(replica, member, { kind: 'endorse', transactions: ids });
  return ids.map((_, index) => {
    if (!reply) return 'no answer';
    const [head, end] = reply.parts.slice(2 * index);
    const text = head && fromUtf8(head);
    if (text === undefined || !end) return reply.refusal ?? 'another answer';
    return text === '' ? (fromUtf8(end) ?? 'another answer') : { protected: text, signature: end };
  });
}
