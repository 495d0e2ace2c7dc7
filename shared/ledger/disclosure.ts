/**
 * Disclosures of confidential fields (SD-JWT, RFC 9901): in the arguments of a transaction stand the digests of the
 * fields, in `_sd`; a disclosure is the text that one of them is the digest of, with a salt that nobody can guess.
 * So the transaction with some of its disclosures is an SD-JWT that reveals those fields and nothing of the others.
 */
import type { Value } from '../bytes/cbor.ts';
import { sha256 } from '../bytes/crypto.ts';
import { parseStrictJson } from '../bytes/strict-json.ts';
import { fromBase64Url, fromUtf8, toBase64Url, utf8 } from '../bytes/text.ts';
import { LIMITS } from './limits.ts';

/** The field of the digests (RFC 9901 §4.2.4.1). */
export const DIGESTS_FIELD = '_sd';
/** What no confidential field may be called (RFC 9901 §4.2.1). */
const RESERVED_NAMES: readonly string[] = [DIGESTS_FIELD, '_sd_alg', '...'];
/** 128 bits (RFC 9901 §9.3). */
export const SALT_BYTES = 16;
/** Nothing longer is made; foreign ones may have any salt of at least so many. */
const SALT_TEXT_BYTES_MIN = SALT_BYTES;

/** One confidential field with its salt. */
export interface Disclosure {
  readonly name: string;
  readonly value: Value;
  /** base64url of the JSON [salt, name, value]: what is handed on, byte for byte (RFC 9901 §4.2.1). */
  readonly text: string;
  /** base64url of the SHA-256 of the ASCII of `text` (RFC 9901 §4.2.3). */
  readonly digest: string;
}

export type Arguments = { readonly [name: string]: Value };

/** Why disclosures are refused; it repeats nothing that they hold. */
export class BadDisclosure extends Error {}

const digestOf = (text: string): string => toBase64Url(sha256(utf8(text)));

/** Makes the disclosure of a field. `salt`: 16 random bytes, used for nothing else. */
export function makeDisclosure(salt: Uint8Array, name: string, value: Value): Disclosure {
  if (salt.length !== SALT_BYTES) throw new Error(`a salt of ${salt.length} bytes`);
  if (RESERVED_NAMES.includes(name)) throw new Error(`a confidential field called ${name}`);
  const text = toBase64Url(utf8(JSON.stringify([toBase64Url(salt), name, value])));
  return { name, value, text, digest: digestOf(text) };
}

/** A digest of nothing, which looks like any other (RFC 9901 §4.2.5): it stands for a field that is absent. */
export const decoyDigest = (salt: Uint8Array): string => toBase64Url(sha256(salt));

/** Reads a disclosure. Throws `BadDisclosure` where it is none. */
export function readDisclosure(text: string): Disclosure {
  const bytes = fromBase64Url(text);
  const json = bytes && fromUtf8(bytes);
  if (json === undefined) throw new BadDisclosure('a disclosure that is not base64url of a text');
  const parsed = parseStrictJson(json, LIMITS.nestingMax + 1);
  if ('fault' in parsed)
    throw new BadDisclosure(`a disclosure whose JSON is refused: ${parsed.fault}`);
  const { value: list } = parsed;
  // Two elements are one of an array, which no argument is disclosed as.
  if (!Array.isArray(list) || list.length !== 3) {
    throw new BadDisclosure('a disclosure that is no list of a salt, a name and a value');
  }
  const [salt, name, value] = list as [Value, Value, Value];
  if (typeof salt !== 'string' || utf8(salt).length < SALT_TEXT_BYTES_MIN) {
    throw new BadDisclosure('a disclosure with too short a salt');
  }
  if (typeof name !== 'string' || RESERVED_NAMES.includes(name)) {
    throw new BadDisclosure('a disclosure of a field that can’t be one');
  }
  return { name, value, text, digest: digestOf(text) };
}

/** The digests in a transaction's arguments; none where it has no confidential fields. */
export function digestsIn(args: Arguments): readonly string[] {
  const digests = Object.hasOwn(args, DIGESTS_FIELD) ? args[DIGESTS_FIELD] : [];
  if (!Array.isArray(digests) || !digests.every((digest) => typeof digest === 'string')) {
    throw new BadDisclosure(`arguments whose ${DIGESTS_FIELD} is no list of texts`);
  }
  return digests as string[];
}

/** What was revealed by a list of disclosures: each is looked at by several parts, one after the other. */
const known = new WeakMap<
  readonly string[],
  { readonly args: Arguments; readonly fields: ReadonlyMap<string, Disclosure> }
>();

/**
 * The fields that disclosures reveal of a transaction's arguments (RFC 9901 §7.1). Throws `BadDisclosure` where one
 * is none of theirs, or is there twice, or names a field that is there already.
 */
export function revealed(
  args: Arguments,
  disclosures: readonly string[],
): ReadonlyMap<string, Disclosure> {
  const before = known.get(disclosures);
  if (before?.args === args) return before.fields;
  const fields = reveal(args, disclosures);
  known.set(disclosures, { args, fields });
  return fields;
}

function reveal(args: Arguments, disclosures: readonly string[]): Map<string, Disclosure> {
  const digests = digestsIn(args);
  if (new Set(digests).size < digests.length)
    throw new BadDisclosure('a digest that is there twice');
  const fields = new Map<string, Disclosure>();
  for (const text of disclosures) {
    const disclosure = readDisclosure(text);
    if (!digests.includes(disclosure.digest)) {
      throw new BadDisclosure('a disclosure that is not of this transaction');
    }
    if (fields.has(disclosure.name) || Object.hasOwn(args, disclosure.name)) {
      throw new BadDisclosure('two values for one field');
    }
    fields.set(disclosure.name, disclosure);
  }
  return fields;
}

/** The values alone of what disclosures reveal, by field. Throws as `revealed`. */
export const revealedValues = (args: Arguments, disclosures: readonly string[]): Arguments =>
  Object.fromEntries([...revealed(args, disclosures)].map(([name, { value }]) => [name, value]));
