/**
 * Private P-256 keys in files: encrypted PKCS#8 (RFC 5958) in PEM, opened by a passphrase from the
 * environment or a file, and the signatures made with them, all synchronous.
 * Must never put a passphrase or key material into an error, a log or a return value as text.
 */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { jwkThumbprint, type PublicJwk } from '../shared/bytes/crypto.ts';
import { rawSignature } from '../shared/bytes/der-signature.ts';
import { toBase64Url, utf8 } from '../shared/bytes/text.ts';
import {
  draftTransaction,
  signedDraft,
  type TransactionBody,
} from '../shared/ledger/transaction.ts';
import type { Signer } from '../shared/ports/signer.ts';

const PASSPHRASE_VARIABLE = 'FUQI_PASSPHRASE';
const PASSPHRASE_CHARACTERS_MIN = 8;

/**
 * Makes a new key in a file that only this user can read, and answers the key. Throws an Error
 * where the file is there already or the passphrase has fewer than 8 characters.
 */
export function createKeyFile(path: string, passphrase: string): KeyObject {
  if (passphrase.length < PASSPHRASE_CHARACTERS_MIN) {
    throw new Error(
      `The passphrase for ${path} has ${passphrase.length} characters; ` +
        `use at least ${PASSPHRASE_CHARACTERS_MIN}.`,
    );
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase,
  });
  try {
    // Flushed: a key that was announced and then lost to a power failure can't be had back.
    writeFileSync(path, pem, { flag: 'wx', mode: 0o600, flush: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new Error(`The key file ${path} is there already; a key is never overwritten.`);
    }
    throw new Error(`The key file ${path} can't be written (${(cause as Error).message}).`);
  }
  return privateKey;
}

/** Opens a key file; throws an Error of one sentence that says what is wrong with it. */
export function openKeyFile(path: string, passphrase: string): KeyObject {
  const pem = readKeyFile(path);
  if (!pem.includes('-----BEGIN ENCRYPTED PRIVATE KEY-----')) {
    throw new Error(
      `The key file ${path} holds no encrypted PKCS#8 key; make one with "fuqi keys create".`,
    );
  }
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: pem, format: 'pem', passphrase });
  } catch {
    // OpenSSL can't tell a wrong passphrase from damage in every case.
    throw new Error(
      `The key file ${path} does not open: the passphrase is wrong or it is damaged.`,
    );
  }
  if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') {
    const found = key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType ?? 'unknown';
    throw new Error(`The key file ${path} holds a key of type ${found}; expected EC P-256.`);
  }
  return key;
}

function readKeyFile(path: string): string {
  try {
    const { mode } = statSync(path);
    if (process.platform !== 'win32' && (mode & 0o007) !== 0) {
      throw new Error(`any user may open it; run "chmod 600 ${path}"`);
    }
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new Error(`There is no key file ${path}; make one with "fuqi keys create".`);
    }
    throw new Error(`The key file ${path} can't be used (${(cause as Error).message}).`);
  }
}

/**
 * The passphrase for key files: the first line of `file` where one is named, else the environment
 * variable FUQI_PASSPHRASE. Throws an Error where neither gives one.
 */
export function readPassphrase(source: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly file?: string | undefined;
}): string {
  const { env, file } = source;
  if (file === undefined) {
    const passphrase = env[PASSPHRASE_VARIABLE];
    if (passphrase) return passphrase;
    throw new Error(
      `No passphrase: set ${PASSPHRASE_VARIABLE}, or name a file with --passphrase-file.`,
    );
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`The passphrase file ${file} can't be read (${(cause as Error).message}).`);
  }
  const [line = ''] = text.split(/\r?\n/, 1);
  if (line === '') throw new Error(`The passphrase file ${file} has an empty first line.`);
  return line;
}

// Exporting a key costs as much as signing with it, and keys are few.
const publicKeys = new WeakMap<KeyObject, PublicJwk>();

/** The public half of a private P-256 key. */
export function publicJwkOf(key: KeyObject): PublicJwk {
  let jwk = publicKeys.get(key);
  if (!jwk) {
    const { x, y } = createPublicKey(key).export({ format: 'jwk' });
    jwk = { kty: 'EC', crv: 'P-256', x: x!, y: y! };
    publicKeys.set(key, jwk);
  }
  return jwk;
}

/** An ES256 signature (RFC 7518 §3.4), 64 bytes r‖s, over the bytes. */
export const signEs256 = (key: KeyObject, bytes: Uint8Array): Uint8Array =>
  // Given the key alone, OpenSSL's own form comes in half the time.
  rawSignature(sign('sha256', bytes, key));

/** The `Signer` port on keys in memory: the node key, and its successor while it is rotated. */
export function signerFromKeys(keys: readonly KeyObject[]): Signer {
  const byPoint = new Map(
    keys.map((key) => {
      const { x, y } = publicJwkOf(key);
      return [`${x}.${y}`, key] as const;
    }),
  );
  const find = ({ x, y }: PublicJwk): KeyObject | undefined => byPoint.get(`${x}.${y}`);
  return {
    holds: (jwk) => find(jwk) !== undefined,
    async sign(digest, jwk) {
      const key = find(jwk);
      if (!key) throw new Error(`the node key ${jwkThumbprint(jwk)} is not kept here`);
      return signEs256(key, digest);
    },
  };
}

/** Signs a transaction: a compact JWS (RFC 7515 §7.1) whose key id is the key's thumbprint. */
export function signTransaction(key: KeyObject, body: TransactionBody): string {
  const { input } = draftTransaction(jwkThumbprint(publicJwkOf(key)), body);
  return signedDraft(input, signEs256(key, utf8(input)));
}

/** Signs a JSON payload under a protected header that is base64url already: a compact JWS. */
export function signCompactJws(key: KeyObject, header: string, payload: object): string {
  const input = `${header}.${toBase64Url(utf8(JSON.stringify(payload)))}`;
  return `${input}.${toBase64Url(signEs256(key, utf8(input)))}`;
}
