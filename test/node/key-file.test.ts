/** Key files: what opens, what is refused and how, and what the keys sign. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compactVerify, importJWK } from 'jose';
import {
  createKeyFile,
  openKeyFile,
  publicJwkOf,
  readPassphrase,
  signEs256,
  signerFromKeys,
  signTransaction,
} from '../../node/key-file.ts';
import { jwkThumbprint, verifyEs256 } from '../../shared/bytes/crypto.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type TransactionBody } from '../../shared/ledger/transaction.ts';
import { bytesOf, digestOf } from '../ports/harness.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const folder = temporaryFolder();
const PASSPHRASE = 'correct horse battery staple';

test('a key that was made is the key that opens, and only its owner can read the file', () => {
  const path = join(folder, 'made.pem');
  const made = createKeyFile(path, PASSPHRASE);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.match(readFileSync(path, 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
  assert.deepEqual(publicJwkOf(openKeyFile(path, PASSPHRASE)), publicJwkOf(made));
  assert.deepEqual(Object.keys(publicJwkOf(made)).toSorted(), ['crv', 'kty', 'x', 'y']);
});

test('an existing file is never overwritten', () => {
  const path = join(folder, 'kept.pem');
  writeFileSync(path, 'precious');
  assert.throws(() => createKeyFile(path, PASSPHRASE), /kept\.pem is there already/);
  assert.equal(readFileSync(path, 'utf8'), 'precious');
});

test('a short passphrase and a folder that is missing are refused', () => {
  assert.throws(() => createKeyFile(join(folder, 'short.pem'), 'short'), /has 5 characters/);
  assert.throws(() => createKeyFile(join(folder, 'no', 'key.pem'), PASSPHRASE), /can't be written/);
});

test('a file that does not open says why, and never shows the passphrase', () => {
  const path = join(folder, 'refused.pem');
  createKeyFile(path, PASSPHRASE);
  const refusal = (file: string, passphrase: string): string => {
    try {
      openKeyFile(file, passphrase);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('it opened');
  };
  assert.match(refusal(join(folder, 'absent.pem'), PASSPHRASE), /^There is no key file/);
  const wrong = refusal(path, 'a wrong passphrase');
  assert.match(wrong, /does not open: the passphrase is wrong or it is damaged/);
  assert.equal(wrong.includes('a wrong passphrase'), false);
  assert.match(refusal(path, ''), /the passphrase is wrong/);

  chmodSync(path, 0o644);
  assert.match(refusal(path, PASSPHRASE), /any user may open it; run "chmod 600/);

  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    return join(folder, name);
  };
  const plain = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const clear = plain.export({ type: 'pkcs8', format: 'pem' });
  assert.match(refusal(write('clear.pem', `${clear}`), PASSPHRASE), /no encrypted PKCS#8 key/);
  assert.match(refusal(write('text.pem', 'hello'), PASSPHRASE), /no encrypted PKCS#8 key/);
  const encrypted = {
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: PASSPHRASE,
  } as const;
  const other = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export(encrypted);
  assert.match(
    refusal(write('p384.pem', `${other}`), PASSPHRASE),
    /type secp384r1; expected EC P-256/,
  );
  const ed = generateKeyPairSync('ed25519').privateKey.export(encrypted);
  assert.match(refusal(write('ed.pem', `${ed}`), PASSPHRASE), /type ed25519; expected EC P-256/);
});

test('the passphrase comes from the named file first, then from the environment', () => {
  const file = join(folder, 'passphrase');
  writeFileSync(file, 'from the file\r\nsecond line\n');
  const env = { FUQI_PASSPHRASE: 'from the environment' };
  assert.equal(readPassphrase({ env, file }), 'from the file');
  assert.equal(readPassphrase({ env }), 'from the environment');
  assert.throws(() => readPassphrase({ env: {} }), /set FUQI_PASSPHRASE, or name a file/);
  assert.throws(() => readPassphrase({ env, file: join(folder, 'none') }), /can't be read/);
  writeFileSync(file, '\n');
  assert.throws(() => readPassphrase({ env, file }), /empty first line/);
});

test('signatures are ES256 and verify with the public key alone', async () => {
  const key = createKeyFile(join(folder, 'signer.pem'), PASSPHRASE);
  const digest = bytesOf(32, 7);
  const signature = signEs256(key, digest);
  assert.equal(signature.length, 64);
  assert.ok(verifyEs256(publicJwkOf(key), digest, signature));
  const other = createKeyFile(join(folder, 'successor.pem'), PASSPHRASE);
  const signer = signerFromKeys([key, other]);
  for (const jwk of [key, other].map(publicJwkOf)) {
    assert.ok(signer.holds(jwk));
    assert.ok(verifyEs256(jwk, digest, await signer.sign(digest, jwk)));
    assert.equal(verifyEs256(jwk, bytesOf(32, 8), await signer.sign(digest, jwk)), false);
  }
  const third = publicJwkOf(createKeyFile(join(folder, 'third.pem'), PASSPHRASE));
  assert.equal(signer.holds(third), false);
  await assert.rejects(signer.sign(digest, third), /is not kept here/);
});

test('a signed transaction parses to its body and verifies with another library', async () => {
  const key = createKeyFile(join(folder, 'caller.pem'), PASSPHRASE);
  const body: TransactionBody = {
    ledger: digestOf('ledger'),
    contract: 'invoice',
    method: 'issue',
    args: { 抬头: '符契', amount: 100 },
    nonce: 'n1',
    notAfter: 1_700_000_000_000,
  };
  const text = signTransaction(key, body);
  const transaction = parseTransaction(text);
  assert.ok(!(transaction instanceof Rejected));
  assert.deepEqual(transaction.body, body);
  assert.deepEqual(transaction.keyIds, [jwkThumbprint(publicJwkOf(key))]);
  const { protectedHeader } = await compactVerify(
    text,
    await importJWK({ ...publicJwkOf(key) }, 'ES256'),
  );
  assert.deepEqual(protectedHeader, {
    alg: 'ES256',
    typ: 'fuqi-tx+jws',
    kid: jwkThumbprint(publicJwkOf(key)),
  });
});
