/** Custody over key files: what is asked for in one turn shares one signature, each is good alone. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { it } from 'node:test';
import { custodyOf } from '../../node/custody.ts';
import { publicJwkOf } from '../../node/key-file.ts';
import { toHex, utf8 } from '../../shared/bytes/text.ts';
import { BATCH_SIGNATURE_MAX, verifyBatchSignature } from '../../shared/ledger/batch-signature.ts';

const privateKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const keys = new Map([
  ['platform', privateKey()],
  ['seller', privateKey()],
]);
const rawOf = (signature: Uint8Array): string => toHex(signature.subarray(0, 64));

it('signs together what comes together, by identity, and never more than a batch may hold', async () => {
  const custody = custodyOf(keys);
  const inputs = Array.from({ length: BATCH_SIGNATURE_MAX + 10 }, (_, at) => utf8(`input ${at}`));
  const [platform, seller] = await Promise.all(
    ['platform', 'seller'].map((name) =>
      Promise.all(inputs.map((input) => custody.sign(name, input))),
    ),
  );
  for (const [name, signatures] of [
    ['platform', platform!],
    ['seller', seller!],
  ] as const) {
    const jwk = publicJwkOf(keys.get(name)!);
    for (const [index, input] of inputs.entries()) {
      assert.ok(verifyBatchSignature(jwk, input, signatures[index]!));
    }
    assert.equal(new Set(signatures.map(rawOf)).size, 2);
  }
  const alone = await custody.sign('seller', inputs[0]!);
  assert.ok(verifyBatchSignature(publicJwkOf(keys.get('seller')!), inputs[0]!, alone));
  assert.equal(alone.length, 72);
});

it('signs for nobody whose key it does not keep', async () => {
  await assert.rejects(custodyOf(keys).sign('stranger', utf8('input')), /stranger/);
});
