/**
 * The custody port over key files: opened once at start, kept in memory, used for transactions only.
 * What is to be signed for an identity within one turn of the event loop shares one signature.
 */
import { type KeyObject, randomBytes } from 'node:crypto';
import { jwkThumbprint } from '../shared/bytes/crypto.ts';
import { BATCH_SIGNATURE_MAX, signBatch } from '../shared/ledger/batch-signature.ts';
import type { Custody } from '../shared/ports/custody.ts';
import { endOfTurn } from './end-of-turn.ts';
import { publicJwkOf, signEs256 } from './key-file.ts';

/** Custody of opened keys by identity name. */
export function custodyOf(keys: ReadonlyMap<string, KeyObject>): Custody {
  const keyIds = new Map([...keys].map(([name, key]) => [name, jwkThumbprint(publicJwkOf(key))]));
  const byKeyId = new Map([...keyIds].map(([name, keyId]) => [keyId, name]));
  const batches = new Map([...keys].map(([name, key]) => [name, batchSigner(key)]));
  return {
    keyId: (identity) => keyIds.get(identity),
    identityOf: (keyId) => byKeyId.get(keyId),
    async sign(identity, signingInput) {
      const batch = batches.get(identity);
      if (!batch) throw new Error(`no key of the identity ${identity} is kept here`);
      return batch(signingInput);
    },
    nonce: () => randomBytes(16).toString('base64url'),
  };
}

interface Waiting {
  readonly input: Uint8Array;
  resolve(signature: Uint8Array): void;
  reject(error: unknown): void;
}

/** Signs what comes in one turn of the event loop together. */
function batchSigner(key: KeyObject): (input: Uint8Array) => Promise<Uint8Array> {
  let waiting: Waiting[] = [];
  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    try {
      const inputs = batch.map(({ input }) => input);
      const signatures = signBatch(inputs, (message) => signEs256(key, message));
      for (const [index, { resolve }] of batch.entries()) resolve(signatures[index]!);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
  };
  return (input) =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) void endOfTurn().then(() => waiting.length > 0 && flush());
      waiting.push({ input, resolve, reject });
      if (waiting.length === BATCH_SIGNATURE_MAX) flush();
    });
}
