/**
 * The typed context that a contract's code gets, over the untyped state of one run.
 * Promises that only well-formed keys and values that pass their schema reach the state, and that
 * nothing which a contract reads can be changed in place. Limits are counted by the state itself.
 */
import type { z } from 'zod';
import { toValue, type Value } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { compareUtf8, utf8 } from '../bytes/text.ts';
import { LIMITS } from '../ledger/limits.ts';
import type { ContractEvent } from '../ledger/result.ts';
import {
  type Caller,
  type Context,
  type EndorsementContext,
  type QueryContext,
  type ReadingContext,
  type RecordReader,
  type StateAccess,
  stateKey,
} from './context.ts';
import type { Contract, Records } from './define.ts';

/** Thrown by `context.reject`: the run ends, nothing it did remains, the reason is recorded. */
export class ContractRejection extends Error {
  readonly reason: string;
  readonly more: { readonly got?: Value; readonly expected?: Value };
  constructor(reason: string, message: string, more: { got?: Value; expected?: Value } = {}) {
    super(message);
    this.reason = reason;
    this.more = more;
  }
}

/** What a run of a transaction knows besides its state. */
export interface RunFacts {
  readonly caller: Caller;
  readonly endorsers: readonly Caller[];
  /** Block time, milliseconds since 1970. */
  readonly time: number;
  readonly transactionId: Digest;
  readonly ledger: Digest;
  /** The reasons that the transaction's definition declares. */
  readonly rejects: readonly string[];
  /** Takes each event, its type already `<contract>.<event>`. */
  readonly emit: (event: ContractEvent) => void;
}

/** The context of one run of `apply`. Throws an Error wherever the contract's code is at fault. */
export function bindContext(contract: Contract, state: StateAccess, facts: RunFacts): Context {
  return {
    ...bindReader(contract, state),
    caller: freezeDeep(facts.caller),
    endorsers: freezeDeep(facts.endorsers),
    time: facts.time,
    transactionId: facts.transactionId,
    ledger: facts.ledger,
    put(record, key, value) {
      const place = recordKey(contract, record, key);
      state.put(place, checked(contract.records[record]!, value, `record ${record}`));
    },
    delete(record, key) {
      state.delete(recordKey(contract, record, key));
    },
    emit(event, data) {
      const schema = Object.hasOwn(contract.events, event) ? contract.events[event] : undefined;
      if (!schema) throw new Error(`${contract.name} declares no event "${event}"`);
      const type = `${contract.name}.${event}`;
      facts.emit({ type, data: checked(schema, data, `event ${event}`) });
    },
    reject(reason, message, more) {
      if (!facts.rejects.includes(reason)) {
        throw new Error(`the transaction declares no reason "${reason}"`);
      }
      throw new ContractRejection(reason, message, more);
    },
  };
}

/** The context of one run of an endorsement's `check`. Throws an Error wherever the contract's code is at fault. */
export function bindEndorsement(
  contract: Contract,
  state: StateAccess,
  facts: Pick<RunFacts, 'caller' | 'time' | 'transactionId'> & {
    /** The reasons that the endorsement declares. */
    readonly refuses: readonly string[];
    readonly reserve: EndorsementContext['reserve'];
    readonly values: EndorsementContext['values'];
  },
): EndorsementContext {
  const known = (reason: string): string => {
    if (facts.refuses.includes(reason)) return reason;
    throw new Error(`the endorsement declares no reason "${reason}"`);
  };
  return {
    ...bindReader(contract, state),
    caller: freezeDeep(facts.caller),
    time: facts.time,
    transactionId: facts.transactionId,
    reserve(name, amount, max, reason) {
      if (![amount, max].every(Number.isSafeInteger) || name === '' || name.length > 200) {
        throw new Error('what is reserved has a name, and whole amounts');
      }
      facts.reserve(name, amount, max, known(reason));
    },
    values: (transaction) => freezeDeep(facts.values(transaction)),
    refuse(reason) {
      throw new ContractRejection(known(reason), 'The endorsement is refused.');
    },
  };
}

/** The context of one run of `mayRead`. */
export function bindReading(
  contract: Contract,
  state: StateAccess,
  { caller, time, values }: Pick<ReadingContext, 'caller' | 'time' | 'values'>,
): ReadingContext {
  return {
    ...bindReader(contract, state),
    caller: freezeDeep(caller),
    time,
    values: (transaction) => freezeDeep(values(transaction)),
  };
}

/** The context of one run of `answer`. */
export function bindQueryContext(
  contract: Contract,
  state: StateAccess,
  facts: {
    readonly caller: Caller | undefined;
    readonly time: number;
    readonly height: number;
  },
): QueryContext {
  return {
    ...bindReader(contract, state),
    caller: freezeDeep(facts.caller),
    time: facts.time,
    height: facts.height,
    reject(reason, message) {
      throw new ContractRejection(reason, message);
    },
  };
}

function bindReader(contract: Contract, state: StateAccess): RecordReader<Records> {
  return {
    get: (record, key) => freezeDeep(state.get(recordKey(contract, record, key))),
    scan(record, { prefix = '', after, limit }) {
      requireRecord(contract, record);
      const base = stateKey(contract.name, record, '');
      const start = checkedKey(contract.name, record, prefix);
      // No key holds a control character, so nothing lies between a key and that key with a NUL.
      const next = after === undefined ? start : `${base}${after}\0`;
      const from = compareUtf8(next, start) > 0 ? next : start;
      const entries = state.scan(from, afterPrefix(start), limit);
      return entries.map(({ key, value }) => ({
        key: key.slice(base.length),
        value: freezeDeep(value),
      }));
    },
    lookup: (other, record, key) => freezeDeep(state.get(checkedKey(other, record, key))),
  };
}

function recordKey(contract: Contract, record: string, key: string): string {
  requireRecord(contract, record);
  if (key === '') throw new Error(`an empty key of record ${record}`);
  return checkedKey(contract.name, record, key);
}

function requireRecord(contract: Contract, record: string): void {
  if (!Object.hasOwn(contract.records, record)) {
    throw new Error(`${contract.name} declares no record "${record}"`);
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it refuses.
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;

function checkedKey(contract: string, record: string, key: string): string {
  const full = stateKey(contract, record, key);
  if (CONTROL.test(full) || !full.isWellFormed()) {
    throw new Error(`a key of record ${record} holds a control character or half a surrogate pair`);
  }
  // A UTF-16 unit takes at most three bytes, so only long keys need to be measured.
  if (full.length * 3 > LIMITS.stateKeyBytesMax && utf8(full).length > LIMITS.stateKeyBytesMax) {
    throw new Error(`a key of record ${record} is longer than ${LIMITS.stateKeyBytesMax} bytes`);
  }
  return full;
}

/** The first text, in the order of UTF-8 bytes, after all that start with `prefix`. */
function afterPrefix(prefix: string): string {
  const points = [...prefix].map((character) => character.codePointAt(0)!);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop()!;
  return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}

function checked(schema: z.ZodType, value: unknown, what: string): Value {
  const result = schema.safeParse(value);
  if (result.success) return toValue(result.data);
  const issue = result.error.issues[0]!;
  throw new Error(`${what} at /${issue.path.join('/')}: ${issue.message}`);
}

/**
 * Makes a value unchangeable in place, so that what a contract reads, or gets as its input, is the
 * same when it runs again. What is frozen already is taken as frozen all the way down.
 */
export function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  for (const key of Object.keys(value)) freezeDeep((value as Record<string, unknown>)[key]);
  return Object.freeze(value);
}
