import assert from 'node:assert/strict';
import { createPublicKey, sign, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { verifyEs256 } from '../../shared/bytes/crypto.ts';
import { derSignature, rawSignature } from '../../shared/bytes/der-signature.ts';
import { fromHex, toHex, utf8 } from '../../shared/bytes/text.ts';
import { testKey } from '../support/local-network.ts';

const key = testKey();

/** 32 bytes, with more small and large numbers than chance has. */
const coordinate = fc
  .tuple(fc.nat(32), fc.uint8Array({ minLength: 32, maxLength: 32 }))
  .map(([zeros, bytes]) => bytes.fill(0, 0, zeros));
const anyRaw = fc.tuple(coordinate, coordinate).map(([r, s]) => Buffer.concat([r, s]));

describe('a DER signature', () => {
  it('becomes the 64 bytes that verify, and those become it again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (message) => {
        const der = sign('sha256', message, key.privateKey);
        const raw = rawSignature(der);
        assert.equal(raw.length, 64);
        assert.ok(verifyEs256(key.jwk, message, raw));
        assert.equal(toHex(derSignature(raw)), toHex(der));
      }),
      { numRuns: 600 },
    );
  });

  it('has one form for each two numbers', () => {
    fc.assert(
      fc.property(anyRaw, (raw) => {
        assert.equal(toHex(rawSignature(derSignature(raw))), toHex(raw));
      }),
    );
    const one = `${'00'.repeat(31)}01`;
    const high = `80${'00'.repeat(31)}`;
    assert.equal(toHex(derSignature(fromHex(one + one))), '3006020101020101');
    assert.equal(toHex(derSignature(fromHex('00'.repeat(64)))), '3006020100020100');
    assert.equal(toHex(derSignature(fromHex(high + one))), `302602210080${'00'.repeat(31)}020101`);
  });

  it('is refused where it is cut, longer, or something else', () => {
    const good = sign('sha256', utf8('a'), key.privateKey);
    for (let length = 0; length < good.length; length++) {
      assert.throws(() => rawSignature(good.subarray(0, length)));
    }
    assert.throws(() => rawSignature(Buffer.concat([good, Buffer.of(0)])));
    for (const index of [0, 1, 2, 3]) {
      const changed = Buffer.from(good);
      changed[index]! ^= 0x40;
      assert.throws(() => rawSignature(changed), `byte ${index}`);
    }
    assert.throws(() => derSignature(new Uint8Array(63)));
  });

  it('is refused in another form of the same numbers', () => {
    const forms = {
      'a zero byte too many': '300702020001020101',
      'a number below zero': '3006020180020101',
      'a number without bytes': '30050200020101',
      'zero in two bytes': '300702020000020101',
    };
    for (const [what, hex] of Object.entries(forms)) {
      assert.throws(() => rawSignature(fromHex(hex)), /not a DER signature/, what);
    }
    fc.assert(
      fc.property(anyRaw, fc.nat(69), fc.nat(255), (raw, at, byte) => {
        const der = Uint8Array.from(derSignature(raw));
        if (at >= der.length) return;
        der[at] = byte;
        let read: Uint8Array;
        try {
          read = rawSignature(der);
        } catch {
          return;
        }
        assert.equal(toHex(derSignature(read)), toHex(der));
      }),
      { numRuns: 1000 },
    );
  });

  it('verifies where the engine’s own reading of 64 bytes does, and nowhere else', () => {
    const options = { key: createPublicKey(key.privateKey), dsaEncoding: 'ieee-p1363' } as const;
    const message = utf8('a message');
    const signed = rawSignature(sign('sha256', message, key.privateKey));
    const changed = fc.tuple(fc.nat(63), fc.nat(255)).map(([at, byte]) => {
      const copy = Uint8Array.from(signed);
      copy[at] = byte;
      return copy;
    });
    fc.assert(
      fc.property(fc.oneof(anyRaw, changed, fc.constant(signed)), (raw) => {
        assert.equal(verifyEs256(key.jwk, message, raw), verify('sha256', message, options, raw));
      }),
      { numRuns: 400 },
    );
  });
});
