/**
 * What a contract author sees: `contract(name, {version, records, events, transactions, queries})`.
 * From this one value come validation, HTTP routes, the OpenAPI page and the docs.
 * A contract is a value made by one call: no base class, no decorators, no `await`.
 */
import type { z } from 'zod';
import type { Digest } from '../bytes/digest.ts';
import { checkConfidential, hasMark } from './confidential.ts';
import type { Context, EndorsementContext, QueryContext, ReadingContext } from './context.ts';

/** Record types by name; a record's schema is checked whenever one is stored. */
export type Records = Readonly<Record<string, z.ZodType>>;
/** Event data schemas by name. */
export type Events = Readonly<Record<string, z.ZodType>>;

/** A rule over hidden values: the nodes of those who see them run it, and sign what it lets pass. */
export interface Endorsement<R extends Records = Records, I extends z.ZodType = z.ZodType> {
  /** For each of these roles the node of a member that holds it signs. Each reads some of the confidential fields. */
  readonly roles: readonly string[];
  /** Why it may refuse: the closed list. The caller's node alone is told. */
  readonly refuses: readonly string[];
  /**
   * Synchronous, with the state as the node has it. `input` has the public fields and those confidential ones that the
   * node reads; each fits its schema. It may run several times (see context.get).
   */
  check(context: EndorsementContext<R>, input: Partial<z.input<I>>): void;
}

/** A committed transaction, without its hidden values. */
export interface Called<I extends z.ZodType = z.ZodType> {
  readonly transaction: Digest;
  /** The member that signed. */
  readonly owner: string;
  /** Its public fields. */
  readonly input: Partial<z.input<I>>;
}

/** One kind of transaction. */
export interface TransactionDefinition<
  R extends Records = Records,
  E extends Events = Events,
  I extends z.ZodType = z.ZodType,
> {
  /** One line for docs and the OpenAPI page. */
  readonly summary: string;
  /** Who may call: the caller needs one of these roles (`seller` means `<contract>.seller`; `admin`, a member's administrator); an empty list: every identity. */
  readonly roles: readonly string[];
  /** The HTTP route under the consortium, such as `POST /invoices/{number}/claim`; path parameters are input fields. */
  readonly http?: `POST /${string}`;
  /** Reasons that `context.reject` may give: the closed list. */
  readonly rejects?: readonly string[];
  /** A strict object of JSON values; money in integer minor units. Fields may be `confidential`. */
  readonly input: I;
  /**
   * When the readers of confidential fields get them: before the transaction is proposed (unless told), so that none
   * is on the ledger whose readers lack their values, or within so many milliseconds after.
   */
  readonly deliverWithinMs?: number;
  /** After so many milliseconds the values of confidential fields are erased at every holder; unless told, when their owner says so. */
  readonly retainForMs?: number;
  /** Who has to sign besides the caller, after a rule that needs hidden values. Not with `deliverWithinMs`. */
  readonly endorsement?: Endorsement<R, I>;
  /**
   * Whether somebody of a member whose node holds hidden values of such a transaction is shown them there. Whoever signed
   * it and the member's administrators are in any case; unless told, nobody else. Synchronous, by the state and the values
   * that the node has: nothing is agreed on. It may run several times (see context.get).
   */
  mayRead?(context: ReadingContext<R>, called: Called<I>): boolean;
  /** What `apply` answers. */
  readonly output: z.ZodType;
  /**
   * Deterministic and synchronous. It may run several times (see context.get) and may use nothing
   * but its arguments: no clock, randomness or I/O is within reach.
   */
  apply(context: Context<R, E>, input: z.output<I>): unknown;
}

/** One kind of question to the state; it changes nothing and is answered by one node. */
export interface QueryDefinition<R extends Records = Records, I extends z.ZodType = z.ZodType> {
  readonly summary: string;
  /** Who may ask; an empty list: whoever may read the ledger. */
  readonly roles: readonly string[];
  /** The HTTP route, such as `GET /invoices/{number}`; other input fields are query parameters (texts: coerce numbers). */
  readonly http?: `GET /${string}`;
  readonly input: I;
  readonly output: z.ZodType;
  answer(context: QueryContext<R>, input: z.output<I>): unknown;
}

/** A contract as the platform uses it. */
export interface Contract {
  readonly name: string;
  readonly version: number;
  readonly summary: string;
  readonly roles: Readonly<Record<string, string>>;
  readonly records: Records;
  readonly events: Events;
  readonly transactions: Readonly<Record<string, TransactionDefinition>>;
  readonly queries: Readonly<Record<string, QueryDefinition>>;
}

interface Definition {
  readonly roles: readonly string[];
  readonly output: z.ZodType;
}

/** Defines a contract; throws at load where the definition contradicts itself. */
export function contract<
  R extends Records,
  E extends Events,
  T extends Record<string, z.ZodType>,
  Q extends Record<string, z.ZodType>,
>(
  name: string,
  definition: {
    readonly version: number;
    readonly summary: string;
    /** Roles that members' identities may hold, with what each may do. */
    readonly roles: Readonly<Record<string, string>>;
    readonly records: R;
    readonly events: E;
    readonly transactions: { readonly [K in keyof T]: TransactionDefinition<R, E, T[K]> };
    readonly queries: { readonly [K in keyof Q]: QueryDefinition<R, Q[K]> };
  },
): Contract {
  if (!/^[a-z][a-z0-9-]{0,62}$/.test(name)) throw new Error(`contract name "${name}"`);
  const definitions = [
    ...Object.entries<Definition>(definition.transactions),
    ...Object.entries<Definition>(definition.queries),
  ];
  for (const [method, { roles }] of definitions) {
    if (!/^[a-z][A-Za-z0-9]{0,62}$/.test(method)) throw new Error(`${name}: method "${method}"`);
    for (const role of roles) {
      if (role !== 'admin' && !(role in definition.roles)) {
        throw new Error(
          `${name}.${method} names the role "${role}", which ${name} does not declare`,
        );
      }
    }
  }
  for (const [method, own] of Object.entries(definition.transactions)) {
    inPlace(`${name}.${method}`, () => checkConfidential(own, definition.roles));
  }
  const open = {
    ...definition.records,
    ...definition.events,
    ...Object.fromEntries(definitions.map(([method, { output }]) => [`${method}.output`, output])),
    ...Object.fromEntries(
      Object.entries(definition.queries).map(([query, { input }]) => [`${query}.input`, input]),
    ),
  };
  for (const [what, schema] of Object.entries(open)) {
    if (hasMark(schema as z.ZodType)) {
      throw new Error(`${name}: ${what} has a confidential field, but stands in clear`);
    }
  }
  return { name, ...definition } as unknown as Contract;
}

function inPlace(place: string, check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new Error(`${place}: ${(error as Error).message}`, { cause: error });
  }
}
