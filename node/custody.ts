/** The custody port over key files: opened once at start, kept in memory, used for transactions only. */
import { type KeyObject, randomBytes } from 'node:crypto';
import { jwkThumbprint } from '../shared/bytes/crypto.ts';
import type { Custody } from '../shared/ports/custody.ts';
import { publicJwkOf, signTransaction } from './key-file.ts';

/** Custody of opened keys by identity name. */
export function custodyOf(keys: ReadonlyMap<string, KeyObject>): Custody {
  const keyIds = new Map([...keys].map(([name, key]) => [name, jwkThumbprint(publicJwkOf(key))]));
  return {
    keyId: (identity) => keyIds.get(identity),
    sign(identity, { ledger, contract, method, args, nonce, notAfter }) {
      const key = keys.get(identity);
      if (!key) throw new Error(`no key of the identity ${identity} is kept here`);
      return signTransaction(key, {
        ledger,
        contract,
        method,
        args,
        nonce: nonce ?? randomBytes(16).toString('base64url'),
        notAfter,
      });
    },
  };
}
