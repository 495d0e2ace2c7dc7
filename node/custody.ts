/** The custody port over key files: opened once at start, kept in memory, used for transactions only. */
import { type KeyObject, randomBytes } from 'node:crypto';
import { jwkThumbprint } from '../shared/bytes/crypto.ts';
import type { Custody } from '../shared/ports/custody.ts';
import { publicJwkOf, signEs256 } from './key-file.ts';

/** Custody of opened keys by identity name. */
export function custodyOf(keys: ReadonlyMap<string, KeyObject>): Custody {
  const keyIds = new Map([...keys].map(([name, key]) => [name, jwkThumbprint(publicJwkOf(key))]));
  const byKeyId = new Map([...keyIds].map(([name, keyId]) => [keyId, name]));
  return {
    keyId: (identity) => keyIds.get(identity),
    identityOf: (keyId) => byKeyId.get(keyId),
    sign(identity, signingInput) {
      const key = keys.get(identity);
      if (!key) throw new Error(`no key of the identity ${identity} is kept here`);
      return signEs256(key, signingInput);
    },
    nonce: () => randomBytes(16).toString('base64url'),
  };
}
