/** One signature for many transactions: each verifies alone, and with nothing else's parts. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { publicJwkOf } from '../../node/key-file.ts';
import { jwkThumbprint, verifyEs256 } from '../../shared/bytes/crypto.ts';
import { inclusionPath, leafHash, merkleRoot } from '../../shared/bytes/merkle.ts';
import { toBase64Url, toHex, utf8 } from '../../shared/bytes/text.ts';
import {
  BATCH_ALGORITHM,
  BATCH_SIGNATURE_MAX,
  batchMessage,
  signBatch,
  verifyBatchSignature,
} from '../../shared/ledger/batch-signature.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import {
  decodeTransaction,
  draftTransaction,
  parseTransaction,
  signedDraft,
} from '../../shared/ledger/transaction.ts';

const make = () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const raw = (message: Uint8Array): Uint8Array =>
    sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return { jwk: publicJwkOf(privateKey), raw };
};
const key = make();
const inputsOf = (size: number, label = 'input'): Uint8Array[] =>
  Array.from({ length: size }, (_, index) => utf8(`${label} ${index}`));
const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 1;
  return copy;
};

describe('a batch signature', () => {
  it('holds for each of its transactions alone, and is one ES256 signature over their root', () => {
    for (const size of [1, 2, 3, 7, 64, 100, BATCH_SIGNATURE_MAX]) {
      const inputs = inputsOf(size);
      let signed = 0;
      const signatures = signBatch(inputs, (message) => {
        signed++;
        return key.raw(message);
      });
      assert.equal(signed, 1);
      const leaves = inputs.map(leafHash);
      const message = batchMessage(size, merkleRoot(leaves));
      for (const [index, signature] of signatures.entries()) {
        if (size > 100 && index % 97 > 0 && index < size - 1) continue;
        assert.ok(verifyBatchSignature(key.jwk, inputs[index]!, signature));
        assert.ok(verifyEs256(key.jwk, message, signature.subarray(0, 64)));
        // As its format says: size and index, big-endian, then the path of RFC 9162.
        const path = inclusionPath(leaves, index).join('');
        const numbers = Buffer.alloc(8);
        numbers.writeUInt32BE(size, 0);
        numbers.writeUInt32BE(index, 4);
        assert.equal(toHex(signature.subarray(64)), numbers.toString('hex') + path);
      }
    }
  });

  it('holds for nothing else: no other input, key, place, path or length', () => {
    const other = make();
    const sized = fc.integer({ min: 1, max: 40 });
    fc.assert(
      fc.property(sized, fc.nat(), fc.nat(), fc.nat(7), (size, which, where, bit) => {
        const inputs = inputsOf(size);
        const signatures = signBatch(inputs, key.raw);
        const index = which % size;
        const [input, signature] = [inputs[index]!, signatures[index]!];
        const verify = (bytes: Uint8Array, of = input, jwk = key.jwk): boolean =>
          verifyBatchSignature(jwk, of, bytes);
        assert.ok(verify(signature));
        const changed = Uint8Array.from(signature);
        changed[where % signature.length]! ^= 1 << bit;
        assert.equal(verify(changed), false);
        assert.equal(verify(signature, flipped(input, where % input.length)), false);
        assert.equal(verify(signature, input, other.jwk), false);
        assert.equal(verify(Buffer.concat([signature, Buffer.alloc(32)])), false);
        assert.equal(verify(signature.subarray(0, signature.length - 1)), false);
        if (size > 1) {
          assert.equal(verify(signature, inputs[(index + 1) % size]!), false);
          assert.equal(verify(signatures[(index + 1) % size]!), false);
          assert.equal(verify(signature.subarray(0, signature.length - 32)), false);
        }
      }),
    );
    for (const length of [0, 1, 63, 64, 71]) {
      assert.equal(verifyBatchSignature(key.jwk, utf8('x'), new Uint8Array(length)), false);
    }
  });

  it('is no plain signature, nor is a plain one of a batch', () => {
    const input = utf8('input 0');
    const [one] = signBatch([input], key.raw);
    assert.equal(verifyEs256(key.jwk, input, one!.subarray(0, 64)), false);
    const plain = Buffer.concat([key.raw(input), one!.subarray(64)]);
    assert.equal(verifyBatchSignature(key.jwk, input, plain), false);
  });

  it('is for a number of transactions that is bounded', () => {
    assert.throws(() => signBatch([], key.raw), RangeError);
    assert.throws(() => signBatch(inputsOf(BATCH_SIGNATURE_MAX + 1), key.raw), RangeError);
    // Nor is one accepted that claims more.
    const [signature] = signBatch(inputsOf(1), (message) => {
      assert.equal(Buffer.from(message).toString().split('\0')[1], '1');
      return key.raw(message);
    });
    const large = Uint8Array.from(signature!);
    Buffer.from(large.buffer).writeUInt32BE(BATCH_SIGNATURE_MAX + 1, 64);
    assert.equal(verifyBatchSignature(key.jwk, inputsOf(1)[0]!, large), false);
  });

  it('stands in a transaction as any other signature does, named by its algorithm', () => {
    const body = {
      ledger: 'ab'.repeat(32) as Parameters<typeof draftTransaction>[1]['ledger'],
      contract: 'invoice',
      method: 'issue',
      args: { number: '1' },
      nonce: 'n-1',
      notAfter: 1_700_000_000_000,
    };
    const drafts = ['a', 'b', 'c'].map((nonce) =>
      draftTransaction(jwkThumbprint(key.jwk), { ...body, nonce }, BATCH_ALGORITHM),
    );
    const signatures = signBatch(
      drafts.map(({ input }) => utf8(input)),
      key.raw,
    );
    for (const [index, { input, id }] of drafts.entries()) {
      const parsed = parseTransaction(signedDraft(input, signatures[index]!));
      assert.ok(!(parsed instanceof Rejected));
      assert.deepEqual([parsed.id, parsed.algorithms], [id, [BATCH_ALGORITHM]]);
      const decoded = decodeTransaction(parsed.bytes);
      assert.ok(!(decoded instanceof Rejected));
      assert.equal(toBase64Url(decoded.signatures[0]!.signature), toBase64Url(signatures[index]!));
    }
  });
});
