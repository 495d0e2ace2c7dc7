/**
 * What a contract's code can reach: its records, the caller, block time, events. Nothing else.
 * The raw side (`StateAccess`) is implemented by execution; this file only types it and checks
 * records against their schemas.
 */
import type { z } from 'zod';
import type { Value } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import type { Events, Records } from './define.ts';

/** Who signed: an identity of a member, and the roles it holds now. */
export interface Caller {
  readonly member: string;
  readonly name: string;
  readonly keyId: string;
  /** `admin` or `<contract>.<role>`. */
  readonly roles: readonly string[];
}

/** Reads of records. Keys are texts without control characters; order is that of their UTF-8 bytes. */
export interface RecordReader<R extends Records> {
  /** The record, or undefined. Where it is not loaded yet, the run stops here and starts again later. */
  get<K extends keyof R & string>(record: K, key: string): z.output<R[K]> | undefined;
  /** Records whose key starts with `prefix` and comes after `after`, in order of keys. */
  scan<K extends keyof R & string>(
    record: K,
    range: { readonly prefix?: string; readonly after?: string; readonly limit: number },
  ): { readonly key: string; readonly value: z.output<R[K]> }[];
  /** A record of another contract, unchecked: for the system contracts' members, keys and roles. */
  lookup(contract: string, record: string, key: string): Value | undefined;
}

/** What `apply` gets. */
export interface Context<R extends Records = Records, E extends Events = Events>
  extends RecordReader<R> {
  readonly caller: Caller;
  /** Identities that signed besides the caller. */
  readonly endorsers: readonly Caller[];
  /** Block time, milliseconds since 1970. */
  readonly time: number;
  readonly transactionId: Digest;
  readonly ledger: Digest;
  /** Stores a record; a value that fails its schema is the contract's fault and rejects the transaction. */
  put<K extends keyof R & string>(record: K, key: string, value: z.input<R[K]>): void;
  delete<K extends keyof R & string>(record: K, key: string): void;
  emit<K extends keyof E & string>(event: K, data: z.input<E[K]>): void;
  /** Ends the transaction as rejected; nothing it did remains. `reason` is one of the declared `rejects`. */
  reject(reason: string, message: string, more?: { got?: Value; expected?: Value }): never;
}

/** What the rule of an endorsement gets, at the node that is to sign. */
export interface EndorsementContext<R extends Records = Records> extends RecordReader<R> {
  readonly caller: Caller;
  /** The later of block time and the node's clock, milliseconds since 1970. */
  readonly time: number;
  readonly transactionId: Digest;
  /**
   * Takes an amount (an integer; negative gives back) of something that is bounded at this node, such as a limit: until
   * the transaction commits and for good then, or until it can't any more. Refuses with `reason` where all that is taken
   * would be more than `max`. `name` says of what: an id that is no secret.
   */
  reserve(name: string, amount: number, max: number, reason: string): void;
  /**
   * The confidential fields that this node holds of another transaction; undefined where it holds none. They are what
   * was signed: nobody has checked them against a rule unless that one was endorsed, too.
   */
  values(transaction: string): Readonly<Record<string, Value>> | undefined;
  /** Signs nothing; `reason` is one of the declared `refuses`. */
  refuse(reason: string): never;
}

/** What a member's node asks by, before it shows hidden values to one of the member's people. */
export interface ReadingContext<R extends Records = Records> extends RecordReader<R> {
  /** Who would read: an identity of the node's member. */
  readonly caller: Caller;
  /** The time of the block at the node's head. */
  readonly time: number;
  /** The confidential fields that this node holds of another transaction; undefined where it holds none. */
  readonly values: EndorsementContext['values'];
}

/** What a query's `answer` gets. */
export interface QueryContext<R extends Records = Records> extends RecordReader<R> {
  /** Undefined for an anonymous reader of a public ledger. */
  readonly caller: Caller | undefined;
  /** The time of the block that the query reads at, and its height. */
  readonly time: number;
  readonly height: number;
  /** Answers "not found" (404) or another refusal of the query. */
  reject(reason: string, message: string): never;
}

/** The untyped state under a context, by full key `<contract>/<record>/<key>`. */
export interface StateAccess {
  get(key: string): Value | undefined;
  put(key: string, value: Value): void;
  delete(key: string): void;
  scan(from: string, to: string, limit: number): { readonly key: string; readonly value: Value }[];
}

/** The full state key of a record. */
export const stateKey = (contract: string, record: string, key: string): string =>
  `${contract}/${record}/${key}`;
