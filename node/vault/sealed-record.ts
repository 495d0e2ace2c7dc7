/**
 * A record as it rests in a vault: sealed by a key of its own, which the vault key wraps. So rotating the vault key
 * touches no record's contents, and a record whose wrapped key is gone is gone.
 */
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { sealBytes, unsealBytes } from '../aes-gcm.ts';
import type { VaultKey } from './vault-key.ts';

const VERSION = 1;
const KEY_BYTES = 32;
const bytes = z.instanceof(Uint8Array);
const SealedSchema = z.tuple([z.literal(VERSION), z.string(), bytes, bytes]);

const keyPurpose = (name: string): string => `fuqi/v1/vault-record-key ${name}`;
const contentPurpose = (name: string): string => `fuqi/v1/vault-record ${name}`;

/** A record that no key at hand opens, or that was changed. It says nothing of what it holds. */
export class UnopenableRecord extends Error {
  constructor(name: string, why: string) {
    super(`The vault can't open its record ${name}: ${why}.`);
  }
}

/** Seals a record for its place in the vault. */
export function sealRecord(vaultKey: VaultKey, name: string, content: Uint8Array): Uint8Array {
  const key = randomBytes(KEY_BYTES);
  return wrapRecord(vaultKey, name, key, sealBytes(key, contentPurpose(name), content));
}

/** Opens a record with the one of the keys that wraps it. Throws `UnopenableRecord`. */
export function openRecord(
  keys: readonly VaultKey[],
  name: string,
  sealed: Uint8Array,
): Uint8Array {
  const { key, content } = unwrap(keys, name, sealed);
  return opened(name, () => unsealBytes(key, contentPurpose(name), content));
}

/** The same record wrapped by the first of the keys; undefined where it is so already. Throws `UnopenableRecord`. */
export function rewrapRecord(
  keys: readonly [VaultKey, ...VaultKey[]],
  name: string,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const [newest] = keys;
  const { key, content, keyId } = unwrap(keys, name, sealed);
  if (keyId === newest.id) return undefined;
  return wrapRecord(newest, name, key, content);
}

/** A record's own key and its contents as they are sealed by it, to be wrapped by another vault's key. Throws `UnopenableRecord`. */
export function unwrapRecord(
  keys: readonly VaultKey[],
  name: string,
  sealed: Uint8Array,
): { readonly key: Uint8Array; readonly content: Uint8Array } {
  const { key, content } = unwrap(keys, name, sealed);
  return { key, content };
}

/** The record of an unwrapped one, by this vault's key. */
export const wrapRecord = (
  { id, wrapping }: VaultKey,
  name: string,
  key: Uint8Array,
  content: Uint8Array,
): Uint8Array => encodeCbor([VERSION, id, sealBytes(wrapping, keyPurpose(name), key), content]);

/** The contents of a record as they are sealed: the same whichever vault key wraps the record's. */
export const sealedContent = (name: string, sealed: Uint8Array): Uint8Array =>
  opened(name, () => SealedSchema.parse(decodeCbor(sealed)))[3];

function unwrap(keys: readonly VaultKey[], name: string, sealed: Uint8Array) {
  const [, keyId, wrapped, content] = opened(name, () => SealedSchema.parse(decodeCbor(sealed)));
  const wrapping = keys.find(({ id }) => id === keyId)?.wrapping;
  if (!wrapping) throw new UnopenableRecord(name, 'it is for another vault key');
  const key = opened(name, () => unsealBytes(wrapping, keyPurpose(name), wrapped));
  return { key, content, keyId };
}

function opened<T>(name: string, open: () => T): T {
  try {
    return open();
  } catch {
    throw new UnopenableRecord(name, 'it was changed');
  }
}
