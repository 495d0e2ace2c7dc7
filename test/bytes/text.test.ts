import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  equalBytes,
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase64Url,
  toHex,
  utf8,
} from '../../shared/bytes/text.ts';

const plain = (bytes: Uint8Array | undefined): Uint8Array | undefined =>
  bytes && new Uint8Array(bytes);

describe('base64url', () => {
  it('has the vectors of RFC 4648 §10, without padding', () => {
    const vectors = { '': '', f: 'Zg', fo: 'Zm8', foo: 'Zm9v', foob: 'Zm9vYg', fooba: 'Zm9vYmE' };
    for (const [text, encoded] of Object.entries(vectors)) {
      assert.equal(toBase64Url(utf8(text)), encoded);
      assert.deepEqual(plain(fromBase64Url(encoded)), plain(utf8(text)));
    }
  });

  it('comes back as it was, for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.deepEqual(plain(fromBase64Url(toBase64Url(bytes))), bytes);
      }),
    );
  });

  it('encodes a part of a larger buffer as that part', () => {
    assert.equal(toBase64Url(Uint8Array.of(9, 102, 111, 9).subarray(1, 3)), 'Zm8');
  });

  const refused = {
    padding: 'Zg==',
    'stray bits': 'Zh',
    'a single last character': 'Zm9vY',
    'the other alphabet': '+/+/',
    'white space': 'Zm 9v',
    'a line break at the end': 'Zm9v\n',
    'a character that is no ASCII': 'Zm9é',
  };
  for (const [what, text] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.equal(fromBase64Url(text), undefined));
  }

  it('has one text only for each byte string', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const bytes = fromBase64Url(text);
        assert.ok(bytes === undefined || toBase64Url(bytes) === text);
      }),
    );
  });
});

describe('hex', () => {
  it('comes back as it was, in lower case', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.match(toHex(bytes), /^[0-9a-f]*$/);
        assert.deepEqual(plain(fromHex(toHex(bytes))), bytes);
      }),
    );
  });

  for (const text of ['a', 'abc', 'zz', '0x', '00 11', 'ab\n', '0é', '\u0761\u0761', '０0']) {
    it(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => fromHex(text), /not a hex/));
  }
});

describe('UTF-8', () => {
  it('comes back as it was, a byte order mark included', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        assert.equal(fromUtf8(utf8(text)), text);
      }),
    );
    assert.equal(fromUtf8(utf8('\ufeffx')), '\ufeffx');
  });

  const refused = {
    'an overlong form': [0xc0, 0x80],
    'half of a surrogate pair': [0xed, 0xa0, 0x80],
    'a character that was cut off': [0xe7, 0xac],
    'a code point beyond Unicode': [0xf4, 0x90, 0x80, 0x80],
  };
  for (const [what, bytes] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.equal(fromUtf8(Uint8Array.from(bytes)), undefined));
  }
});

describe('equality of bytes', () => {
  it('is that of length and content', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4 }), fc.uint8Array({ maxLength: 4 }), (a, b) => {
        assert.equal(equalBytes(a, b), a.join() === b.join());
        assert.ok(equalBytes(a, Uint8Array.from(a)));
      }),
    );
  });
});
