import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  importPublicKey,
  jwkThumbprint,
  type PublicJwk,
  sha256,
  sha256Hex,
  verifyEs256,
} from '../../shared/bytes/crypto.ts';
import { isDigest, taggedDigest, ZERO_DIGEST } from '../../shared/bytes/digest.ts';
import { fromBase64Url, toHex, utf8 } from '../../shared/bytes/text.ts';

/** The key and the signature of RFC 7515 appendix A.3. */
const KEY: PublicJwk = {
  kty: 'EC',
  crv: 'P-256',
  x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
  y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
};
const MESSAGE = utf8(
  'eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ',
);
const SIGNATURE = fromBase64Url(
  'DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q',
)!;

describe('SHA-256', () => {
  it('has the examples of FIPS 180', () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    assert.equal(sha256Hex(utf8('abc')), abc);
    assert.equal(toHex(sha256(utf8('abc'))), abc);
    assert.equal(
      sha256Hex(utf8('abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq')),
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    );
  });
});

describe('ES256', () => {
  it('verifies the example of RFC 7515 appendix A.3', () => {
    assert.ok(verifyEs256(KEY, MESSAGE, SIGNATURE));
  });

  it('fails for any bit changed, in the message or in the signature', () => {
    fc.assert(
      fc.property(fc.nat(511), fc.nat(MESSAGE.length * 8 - 1), (inSignature, inMessage) => {
        const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
          const copy = Uint8Array.from(bytes);
          copy[bit >> 3]! ^= 1 << (bit & 7);
          return copy;
        };
        assert.ok(!verifyEs256(KEY, MESSAGE, flip(SIGNATURE, inSignature)));
        assert.ok(!verifyEs256(KEY, flip(MESSAGE, inMessage), SIGNATURE));
      }),
    );
  });

  it('answers false for a signature of another length, a DER one included', () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const jwk = publicKey.export({ format: 'jwk' }) as unknown as PublicJwk;
    const der = sign('sha256', MESSAGE, privateKey);
    const raw = sign('sha256', MESSAGE, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    assert.ok(verifyEs256(jwk, MESSAGE, raw));
    for (const signature of [
      der,
      new Uint8Array(),
      raw.subarray(1),
      Buffer.concat([raw, Buffer.of(0)]),
      new Uint8Array(64),
      new Uint8Array(64).fill(0xff),
    ]) {
      assert.equal(verifyEs256(jwk, MESSAGE, signature), false);
    }
  });
});

describe('a public key', () => {
  const zero = 'A'.repeat(43);
  const refused: Record<string, Partial<Record<keyof PublicJwk, unknown>>> = {
    'a point off the curve': { y: KEY.x },
    'the origin': { x: zero, y: zero },
    'one with a coordinate cut off': { x: KEY.x.slice(1) },
    'one with padding': { x: `${KEY.x}=` },
    'one with a line break': { y: `${KEY.y}\n` },
    'one with stray bits': { x: `${KEY.x.slice(0, -1)}V` },
    'one with a leading zero byte': { x: toLeadingZero(KEY.x) },
    'one without coordinates': { x: undefined, y: undefined },
    'one with a number for a coordinate': { x: 1 },
  };
  for (const [what, change] of Object.entries(refused)) {
    it(`is not ${what}`, () => {
      const jwk = { ...KEY, ...change } as PublicJwk;
      assert.equal(importPublicKey(jwk), undefined);
      assert.equal(verifyEs256(jwk, MESSAGE, SIGNATURE), false);
    });
  }

  it('has one spelling, hence one thumbprint, whatever else its JWK says', () => {
    assert.equal(jwkThumbprint(KEY), 'oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U');
    const more = { use: 'sig', kid: 'x', y: KEY.y, x: KEY.x, crv: 'P-256', kty: 'EC' } as const;
    assert.equal(jwkThumbprint(more), jwkThumbprint(KEY));
  });
});

function toLeadingZero(coordinate: string): string {
  const bytes = Buffer.concat([Buffer.of(0), Buffer.from(coordinate, 'base64url')]);
  return bytes.toString('base64url');
}

describe('a tagged digest', () => {
  it('is SHA-256 of tag, NUL and data', () => {
    const data = Uint8Array.of(1, 2, 3);
    const expected = sha256Hex(Buffer.concat([utf8('fuqi/v1/header'), Buffer.of(0), data]));
    assert.equal(taggedDigest('fuqi/v1/header', data), expected);
    assert.notEqual(taggedDigest('fuqi/v1/vote', data), expected);
  });

  it('has the form of 64 lower-case hex digits', () => {
    assert.ok(isDigest(ZERO_DIGEST));
    assert.ok(isDigest(taggedDigest('fuqi/v1/vote', new Uint8Array())));
    for (const text of ['', 'a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64), `${ZERO_DIGEST}\n`]) {
      assert.ok(!isDigest(text));
    }
  });
});
