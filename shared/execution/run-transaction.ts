/**
 * One transaction against a view: who signed, may they, and what the contract does. Answers a
 * result and its writes, or that the transaction may not stand in a block at all.
 * Throws `Miss` when state is not at hand, and a fault (any other Error) when this node can't tell.
 */
import { encodeCbor, toValue, type Value } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { utf8 } from '../bytes/text.ts';
import { argumentIssues } from '../contract/argument-issues.ts';
import { bindContext, ContractRejection, freezeDeep } from '../contract/bind.ts';
import type { Catalog } from '../contract/catalog.ts';
import { confidentialFields, signedInput } from '../contract/confidential.ts';
import { valuesWritten } from '../contract/confidential-records.ts';
import type { Caller, StateAccess } from '../contract/context.ts';
import type { Contract, TransactionDefinition } from '../contract/define.ts';
import {
  type ContractRecord,
  effectiveContract,
  effectiveRoles,
  type KeyRecord,
  type MemberRecord,
  SYSTEM_KEYS,
} from '../contract/system-records.ts';
import { LIMITS } from '../ledger/limits.ts';
import { Rejected, type Rejection, type RejectionCode, rejected } from '../ledger/rejection.ts';
import type { ContractEvent, TransactionResult } from '../ledger/result.ts';
import type { Transaction } from '../ledger/transaction.ts';
import { checkSignature, checkWindow, unknownKey } from './admissible.ts';
import { decodeValue } from './decoded-values.ts';
import { missingEndorsements, notEndorsed } from './endorsed.ts';
import { guarded, unguarded } from './guards.ts';
import type { View } from './view.ts';

/** What a block says to all of its transactions. */
export interface BlockFacts {
  readonly ledger: Digest;
  readonly epoch: number;
  readonly height: number;
  readonly time: number;
  readonly windowMs: number;
}

/** A result with what it writes. */
export interface Outcome {
  readonly result: TransactionResult;
  readonly writes: ReadonlyMap<string, Uint8Array | null>;
}

/** Runs one transaction. `Rejected`: it may not stand in a block. */
export function runTransaction(
  transaction: Transaction,
  facts: BlockFacts,
  catalog: Catalog,
  view: View,
): Outcome | Rejected {
  const late = checkWindow(transaction, facts.ledger, facts.time, facts.windowMs);
  if (late) return late;
  const signers: (Caller | 'inactive')[] = [];
  for (const [index, keyId] of transaction.keyIds.entries()) {
    const signer = readSigner(view, transaction, index, keyId);
    if (signer instanceof Rejected) return signer;
    signers.push(signer);
  }
  const active = signers.filter((signer) => signer !== 'inactive');
  if (signers[0] === 'inactive') {
    return refusal(transaction, 'key-revoked', 'The key that signed was revoked.', {});
  }
  // Whoever passes it on could add such a signature: that must not use up its id.
  if (active.length < signers.length) {
    return rejected('key-revoked', 'The key of an endorsement was revoked.');
  }
  const [caller, ...endorsers] = active as [Caller, ...Caller[]];
  return call(transaction, facts, catalog, view, caller, endorsers);
}

/**
 * Checks a transaction's signatures ahead of its run, which finds that they were; answers false at one that is bad, which
 * the run tells. Throws `Miss`.
 */
export function checkSignatures(view: View, transaction: Transaction): boolean {
  const { keyIds, memo } = transaction;
  return keyIds.every((keyId, index) => {
    if (memo.checkedWith?.[index]) return true;
    const key = read<KeyRecord>(view, SYSTEM_KEYS.key(keyId));
    return key !== undefined && checkSignature(transaction, index, key.jwk) === undefined;
  });
}

function readSigner(
  view: View,
  transaction: Transaction,
  index: number,
  keyId: string,
): Caller | 'inactive' | Rejected {
  const key = read<KeyRecord>(view, SYSTEM_KEYS.key(keyId));
  if (!key) return unknownKey(index, keyId);
  const bad = checkSignature(transaction, index, key.jwk);
  if (bad) return bad;
  const member = read<MemberRecord>(view, SYSTEM_KEYS.member(key.member));
  if (!key.active || !member?.active) return 'inactive';
  return callerOf(keyId, key, member);
}

/** An identity with the roles that it has in effect. */
export const callerOf = (keyId: string, key: KeyRecord, member: MemberRecord): Caller => ({
  member: key.member,
  name: key.name,
  keyId,
  roles: effectiveRoles(key, member),
});

/** Whether a caller has one of a definition's roles; where it names none, every identity may call. */
export const mayCall = (contract: string, roles: readonly string[], caller: Caller): boolean =>
  roles.length === 0 ||
  roles.some((role) => caller.roles.includes(role === 'admin' ? role : `${contract}.${role}`));

function call(
  transaction: Transaction,
  facts: BlockFacts,
  catalog: Catalog,
  view: View,
  caller: Caller,
  endorsers: readonly Caller[],
): Outcome | Rejected {
  const { contract: name, method } = transaction.body;
  const contract = activeContract(name, facts.epoch, catalog, (key) => read(view, key));
  if (!contract) {
    return refusal(transaction, 'unknown-contract', 'No such contract is active.', { got: name });
  }
  const definition = contract.transactions[method];
  if (!definition || !Object.hasOwn(contract.transactions, method)) {
    const expected = Object.keys(contract.transactions);
    return refusal(transaction, 'unknown-method', 'No such method.', { got: method, expected });
  }
  const missing = missingEndorsements(
    name,
    definition,
    endorsers,
    (member) => read<MemberRecord>(view, SYSTEM_KEYS.member(member))?.roles ?? [],
  );
  // Whoever passes it on could leave a signature away: that must not use up its id.
  if (missing.length > 0) return notEndorsed(missing);
  if (!mayCall(name, definition.roles, caller)) {
    return refusal(
      transaction,
      'forbidden',
      'The caller has none of the roles that may call this.',
      {
        got: caller.roles,
        expected: definition.roles,
      },
    );
  }
  const input = parseInput(transaction, definition);
  if ('issues' in input) {
    return refusal(transaction, 'invalid-arguments', 'The arguments do not fit the method.', input);
  }
  return apply(transaction, facts, view, contract, definition, input.value, caller, endorsers);
}

/** The code of the contract that is active in an epoch; throws a fault where the node lacks it. */
export function activeContract(
  name: string,
  epoch: number,
  catalog: Catalog,
  readRecord: (key: string) => Value | undefined,
): Contract | undefined {
  const record = readRecord(SYSTEM_KEYS.contract(name)) as ContractRecord | undefined;
  const effective = record && effectiveContract(record, epoch);
  if (!effective) return undefined;
  const code = catalog.find(name, effective.version, effective.codeHash);
  if (code) return code;
  throw new Error(`this node lacks the approved code of ${name} version ${effective.version}`);
}

type ParsedInput =
  | { readonly value: unknown }
  | { readonly issues: readonly { readonly pointer: string; readonly message: string }[] };

/** A run that misses is repeated: parsed once, for each definition, since contracts change. */
function parseInput({ body, memo }: Transaction, definition: TransactionDefinition): ParsedInput {
  if (memo.input?.definition === definition) return memo.input.parsed as ParsedInput;
  const result = signedInput(definition.input).safeParse(body.args);
  const parsed: ParsedInput = result.success
    ? { value: freezeDeep(result.data) }
    : { issues: argumentIssues(result.error, 'code') };
  memo.input = { definition, parsed };
  return parsed;
}

class LimitExceeded extends Error {}

function apply(
  transaction: Transaction,
  facts: BlockFacts,
  view: View,
  contract: Contract,
  definition: TransactionDefinition,
  input: unknown,
  caller: Caller,
  endorsers: readonly Caller[],
): Outcome {
  const writes = new Map<string, Uint8Array | null>();
  const events: ContractEvent[] = [];
  const access = new CountedAccess(view.with(writes), writes);
  const run = {
    caller,
    endorsers,
    time: facts.time,
    transactionId: transaction.id,
    ledger: facts.ledger,
    rejects: definition.rejects ?? [],
    emit: (event: ContractEvent) => events.push(event),
  };
  let output: Value;
  try {
    const answer = guarded(() => definition.apply(bindContext(contract, access, run), input));
    access.throwIfStopped();
    output = toValue(answer ?? null);
    const parsed = definition.output.safeParse(output);
    if (!parsed.success) throw new Error('output does not fit its schema');
    checkSizes(output, events);
  } catch (error) {
    access.throwIfUnknown();
    const stopped = access.stopped ?? error;
    if (stopped instanceof LimitExceeded) {
      return refusal(transaction, 'limit-exceeded', stopped.message, {});
    }
    if (error instanceof ContractRejection) {
      const { reason, message, more } = error;
      return refusal(transaction, 'contract-rejected', message, { reason, ...more });
    }
    // How deep a stack goes differs between machines: this node can't tell what the result is.
    if (error instanceof RangeError && /call stack/i.test(error.message)) throw error;
    // The error's own text stays out: it may differ between engines.
    return refusal(transaction, 'contract-error', 'The contract failed; nothing was changed.', {});
  }
  // Whose its hidden values are: what is granted, read and erased later goes by it.
  if (confidentialFields(definition.input).size > 0) {
    const { contract: name, method } = transaction.body;
    const values = { owner: caller.member, contract: name, method, committedAt: facts.time };
    for (const [key, value] of valuesWritten(transaction.id, values, definition.retainForMs)) {
      writes.set(key, encodeCbor(value));
    }
  }
  return {
    result: { transaction: transaction.id, status: 'committed', output, events },
    writes,
  };
}

function checkSizes(output: Value, events: readonly ContractEvent[]): void {
  if (encodeCbor(output).length > LIMITS.outputBytesMax) {
    throw new LimitExceeded(`output above ${LIMITS.outputBytesMax} bytes`);
  }
  if (events.length > LIMITS.eventsMax)
    throw new LimitExceeded(`more than ${LIMITS.eventsMax} events`);
  for (const { data } of events) {
    if (encodeCbor(data).length > LIMITS.eventBytesMax) {
      throw new LimitExceeded(`an event above ${LIMITS.eventBytesMax} bytes`);
    }
  }
}

/** State access that counts: limits depend on counts and bytes only, never on time or reruns. */
class CountedAccess implements StateAccess {
  readonly #view: View;
  readonly #writes: Map<string, Uint8Array | null>;
  #gets = 0;
  #scans = 0;
  #puts = 0;
  stopped: LimitExceeded | undefined;
  /** A miss, or a fault of the store: this node can't tell what the result is. */
  #unknown: { readonly why: unknown } | undefined;

  constructor(view: View, writes: Map<string, Uint8Array | null>) {
    this.#view = view;
    this.#writes = writes;
  }

  get(key: string): Value | undefined {
    this.#count(++this.#gets, LIMITS.getsMax, 'reads');
    const bytes = this.#reading(() => this.#view.get(key));
    return bytes === null ? undefined : decodeValue(bytes);
  }

  scan(from: string, to: string, limit: number): { key: string; value: Value }[] {
    this.#count(++this.#scans, LIMITS.scansMax, 'scans');
    this.#count(limit, LIMITS.scanItemsMax, 'items a scan');
    const entries = this.#reading(() => this.#view.scan({ from, to, limit }));
    return entries.map(({ key, value }) => ({ key, value: decodeValue(value) }));
  }

  put(key: string, value: Value): void {
    this.#count(++this.#puts, LIMITS.putsMax, 'writes');
    const bytes = encodeCbor(value);
    this.#count(bytes.length, LIMITS.stateValueBytesMax, 'bytes a value');
    this.#count(utf8(key).length, LIMITS.stateKeyBytesMax, 'bytes a key');
    this.#writes.set(key, bytes);
  }

  delete(key: string): void {
    this.#count(++this.#puts, LIMITS.putsMax, 'writes');
    this.#writes.set(key, null);
  }

  /** Contract code may have caught what stopped it: the run is over all the same. */
  throwIfStopped(): void {
    this.throwIfUnknown();
    if (this.stopped) throw this.stopped;
  }

  throwIfUnknown(): void {
    if (this.#unknown) throw this.#unknown.why;
  }

  #count(count: number, max: number, what: string): void {
    this.throwIfStopped();
    if (count <= max) return;
    this.stopped = new LimitExceeded(`more than ${max} ${what}`);
    throw this.stopped;
  }

  #reading<T>(read: () => T): T {
    try {
      return unguarded(read);
    } catch (why) {
      this.#unknown = { why };
      throw why;
    }
  }
}

function read<T = Value>(view: View, key: string): T | undefined {
  const bytes = view.get(key);
  return bytes === null ? undefined : (decodeValue(bytes) as T);
}

function refusal(
  transaction: Transaction,
  code: RejectionCode,
  message: string,
  more: Omit<Rejection, 'code' | 'message'>,
): Outcome {
  const rejection: Rejection = { code, message, ...more };
  return {
    result: { transaction: transaction.id, status: 'rejected', rejection },
    writes: new Map(),
  };
}
