/**
 * Confidential fields: a contract marks a field of a transaction's input, and says who reads it. What is called is the
 * whole input; what is signed and ordered has a digest in the place of each such field, so that validators agree on
 * what they can't read. A field that is absent has a digest of nothing: how many there are tells nothing.
 */
import { z } from 'zod';
import type { Value } from '../bytes/cbor.ts';
import {
  type Arguments,
  DIGESTS_FIELD,
  type Disclosure,
  decoyDigest,
  makeDisclosure,
} from '../ledger/disclosure.ts';

/** Who reads a confidential field, besides whoever calls. */
export interface Readers {
  /** Fields of the same input that name a member, confidential ones included. */
  readonly parties?: readonly string[];
  /** Roles of the contract: all members that hold one of them. */
  readonly roles?: readonly string[];
}

/** Where a schema keeps its readers; the OpenAPI page shows it as an extension. */
const MARK = 'x-confidential-readers';

/**
 * Marks a field of a transaction's input as confidential. `apply` never sees its value: its type is `undefined`.
 * It may be optional.
 */
export function confidential<S extends z.ZodType>(
  schema: S,
  readers: Readers,
): z.ZodType<undefined, z.input<S>> {
  return schema.meta({ [MARK]: readers }) as unknown as z.ZodType<undefined, z.input<S>>;
}

/** The readers of a field; undefined where it is public. */
function readersOf(field: z.ZodType): Readers | undefined {
  const own = field.meta()?.[MARK] as Readers | undefined;
  if (own || !(field instanceof z.ZodOptional)) return own;
  return readersOf(field.def.innerType as z.ZodType);
}

/** An input as the ledger sees it. */
interface Split {
  /** The confidential fields' readers by name. */
  readonly fields: ReadonlyMap<string, Readers>;
  /** Of the arguments that are signed. */
  readonly signed: z.ZodType;
}

const splits = new WeakMap<z.ZodType, Split>();

/** How an input is split; the confidential fields are few, and what stands in their place is made once. */
function splitOf(input: z.ZodType): Split {
  let split = splits.get(input);
  if (!split) {
    split = makeSplit(input);
    splits.set(input, split);
  }
  return split;
}

const DIGEST = /^[A-Za-z0-9_-]{43}$/;

/** Sorted, so that their order tells nothing (RFC 9901 §9.4), and there is one way to write them. */
const isAscending = (digests: readonly string[]): boolean =>
  digests.every((digest, index) => index === 0 || digests[index - 1]! < digest);

function makeSplit(input: z.ZodType): Split {
  const shape = input instanceof z.ZodObject ? Object.entries<z.ZodType>(input.shape) : [];
  const marked = shape.flatMap(([name, field]) => {
    const readers = readersOf(field);
    return readers ? [[name, readers] as const] : [];
  });
  if (marked.length === 0) return { fields: new Map(), signed: input };
  const fields = new Map(marked);
  const digests = z
    .array(z.string().regex(DIGEST))
    .length(fields.size)
    .refine(isAscending, 'ascending, none twice');
  const open = Object.fromEntries(shape.filter(([name]) => !fields.has(name)));
  // The digests are no contract's business.
  const signed = z
    .strictObject({ ...open, [DIGESTS_FIELD]: digests })
    .transform(({ [DIGESTS_FIELD]: _, ...rest }) => rest);
  return { fields, signed };
}

/** Confidential fields of an input with their readers; none of most. */
export const confidentialFields = (input: z.ZodType): ReadonlyMap<string, Readers> =>
  splitOf(input).fields;

/**
 * The schema of what is signed, where `input` is that of what is called: it takes digests in the place of the
 * confidential fields, and gives `apply` the others.
 */
export const signedInput = (input: z.ZodType): z.ZodType => splitOf(input).signed;

/**
 * Splits the arguments of a call, which fit `input`: what is signed, and the disclosures of what is not. `salt` gives
 * 16 random bytes at each call.
 */
export function splitArguments(
  input: z.ZodType,
  args: Arguments,
  salt: () => Uint8Array,
): { readonly args: Arguments; readonly disclosures: readonly Disclosure[] } {
  const { fields } = splitOf(input);
  if (fields.size === 0) return { args, disclosures: [] };
  const signed: { [name: string]: Value } = {};
  const disclosures: Disclosure[] = [];
  for (const [name, value] of Object.entries(args)) {
    if (fields.has(name)) disclosures.push(makeDisclosure(salt(), name, value));
    else signed[name] = value;
  }
  const digests = disclosures.map(({ digest }) => digest);
  while (digests.length < fields.size) digests.push(decoyDigest(salt()));
  return { args: { ...signed, [DIGESTS_FIELD]: digests.sort() }, disclosures };
}

/**
 * Throws where a definition contradicts itself: a mark where none is seen, a rule over fields that nobody can check, a
 * reader that there is not, times for values that it has none of. `roles` are those that the contract declares.
 */
export function checkConfidential(
  {
    input,
    deliverWithinMs,
    retainForMs,
    endorsement,
    mayRead,
  }: {
    readonly input: z.ZodType;
    readonly endorsement?: { readonly roles: readonly string[] };
    readonly deliverWithinMs?: number;
    readonly retainForMs?: number;
    readonly mayRead?: unknown;
  },
  roles: Readonly<Record<string, string>>,
): void {
  const { fields, signed } = splitOf(input);
  if (hasMark(signed)) throw new Error('a confidential field that is not one of the input itself');
  for (const ms of [deliverWithinMs, retainForMs]) {
    if (ms === undefined) continue;
    if (fields.size === 0)
      throw new Error('a time for confidential fields, of which there are none');
    if (!Number.isSafeInteger(ms) || ms < 1) throw new Error(`a time of ${ms} ms`);
  }
  if (endorsement) checkEndorsement(endorsement.roles, input, deliverWithinMs);
  if (mayRead && fields.size === 0) throw new Error('who may read, of values that it has none of');
  if (fields.size === 0) return;
  const { shape, def } = input as z.ZodObject;
  if (def.checks?.length) throw new Error('a rule over all fields, some of which are confidential');
  if (!(def.catchall instanceof z.ZodNever)) {
    throw new Error('confidential fields in an object that is not strict');
  }
  for (const [name, { parties = [], roles: named = [] }] of fields) {
    for (const party of parties) {
      if (!Object.hasOwn(shape, party)) {
        throw new Error(`${name} is for the party "${party}", which is no field`);
      }
    }
    for (const role of named) {
      if (!Object.hasOwn(roles, role)) {
        throw new Error(`${name} is for the role "${role}", which is not declared`);
      }
    }
  }
}

/** Who endorses has the values when it is asked: it is sent some of each transaction. */
function checkEndorsement(
  roles: readonly string[],
  input: z.ZodType,
  deliverWithinMs: number | undefined,
): void {
  if (roles.length === 0) throw new Error('an endorsement by nobody');
  if (deliverWithinMs !== undefined) {
    throw new Error('an endorsement of values that may come later');
  }
  const blind = roles.find((role) => !readsAlways(input, role));
  if (blind !== undefined) {
    throw new Error(
      `an endorsement by the role "${blind}", which reads no field that is always there`,
    );
  }
}

/** Whether a member that holds a role of the contract reads something of each call: a field that can't be left out. */
export const readsAlways = (input: z.ZodType, role: string): boolean =>
  [...splitOf(input).fields].some(([name, { roles = [] }]) => {
    const field = (input as z.ZodObject).shape[name] as z.ZodType;
    return roles.includes(role) && !field.safeParse(undefined).success;
  });

/** Schemas that hold no mark: most are part of several others. */
const unmarked = new WeakSet<z.ZodType>();
/** Where a schema has others in it. */
const PARTS = [
  ...['shape', 'element', 'innerType', 'options', 'items', 'rest', 'catchall'],
  ...['valueType', 'keyType', 'left', 'right', 'in', 'out', 'getter'],
];

/** Whether a schema, or one in it, is marked. */
export function hasMark(schema: z.ZodType): boolean {
  if (unmarked.has(schema)) return false;
  // One that holds itself is looked into once.
  unmarked.add(schema);
  const def = schema.def as unknown as Readonly<Record<string, unknown>>;
  const found = readersOf(schema) !== undefined || PARTS.some((name) => holdsMark(def[name]));
  if (found) unmarked.delete(schema);
  return found;
}

function holdsMark(part: unknown): boolean {
  if (part instanceof z.ZodType) return hasMark(part);
  if (typeof part === 'function') return holdsMark(part());
  return typeof part === 'object' && part !== null && Object.values(part).some(holdsMark);
}
