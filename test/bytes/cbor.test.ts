/**
 * Deterministic CBOR: examples of RFC 8949 appendix A for the subset in use, an encoder written from
 * the RFC's text as the dumb version, and refusal of every other form.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as cborg from 'cborg';
import fc from 'fast-check';
import { type Cbor, decodeCbor, encodeCbor, toValue } from '../../shared/bytes/cbor.ts';
import { fromHex, toHex, utf8 } from '../../shared/bytes/text.ts';

/** RFC 8949 appendix A, those that this subset has. */
const EXAMPLES: readonly (readonly [Cbor, string])[] = [
  [0, '00'],
  [1, '01'],
  [10, '0a'],
  [23, '17'],
  [24, '1818'],
  [25, '1819'],
  [100, '1864'],
  [1000, '1903e8'],
  [1000000, '1a000f4240'],
  [1000000000000, '1b000000e8d4a51000'],
  [-1, '20'],
  [-10, '29'],
  [-100, '3863'],
  [-1000, '3903e7'],
  [false, 'f4'],
  [true, 'f5'],
  [null, 'f6'],
  [new Uint8Array(), '40'],
  [Uint8Array.of(1, 2, 3, 4), '4401020304'],
  ['', '60'],
  ['a', '6161'],
  ['IETF', '6449455446'],
  ['"\\', '62225c'],
  ['ü', '62c3bc'],
  ['水', '63e6b0b4'],
  ['𐅑', '64f0908591'],
  [[], '80'],
  [[1, 2, 3], '83010203'],
  [[1, [2, 3], [4, 5]], '8301820203820405'],
  [
    Array.from({ length: 25 }, (_, index) => index + 1),
    '98190102030405060708090a0b0c0d0e0f101112131415161718181819',
  ],
  [{}, 'a0'],
  [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
  [['a', { b: 'c' }], '826161a161626163'],
  [{ a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }, 'a56161614161626142616361436164614461656145'],
];

/** RFC 8949 §3 and §4.2.1, in as few words as it can be said. */
function dumbEncode(value: Cbor): Uint8Array {
  if (value === null) return Buffer.of(0xf6);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xf5 : 0xf4);
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value);
  if (typeof value === 'string') {
    const bytes = utf8(value);
    return Buffer.concat([head(3, bytes.length), bytes]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value]);
  if (Array.isArray(value)) {
    return Buffer.concat([head(4, value.length), ...(value as Cbor[]).map(dumbEncode)]);
  }
  const entries = Object.entries(value as Record<string, Cbor>)
    .map(([key, item]) => [dumbEncode(key), dumbEncode(item)] as const)
    .sort(([a], [b]) => Buffer.compare(a, b));
  return Buffer.concat([head(5, entries.length), ...entries.flat()]);
}

function head(major: number, argument: number): Uint8Array {
  const type = major << 5;
  const bytes = Buffer.alloc(9);
  bytes.writeBigUInt64BE(BigInt(argument), 1);
  for (const [width, info] of [
    [1, 24],
    [2, 25],
    [4, 26],
    [8, 27],
  ] as const) {
    if (argument < 24) return Buffer.of(type | argument);
    if (argument < 2 ** (8 * width)) {
      return Buffer.concat([Buffer.of(type | info), bytes.subarray(9 - width)]);
    }
  }
  throw new Error('no such argument');
}

const text = fc.string({ unit: 'binary' });
const { value: arbitraryCbor } = fc.letrec<{ value: Cbor }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    text,
    fc.uint8Array(),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 6, noNullPrototype: true },
    ),
  ) as fc.Arbitrary<Cbor>,
}));

/** What bytes are the encoding of; undefined where they are none. */
function decoded(bytes: Uint8Array): Cbor | undefined {
  try {
    return decodeCbor(bytes);
  } catch {
    return undefined;
  }
}

describe('CBOR encoding', () => {
  for (const [value, hex] of EXAMPLES) {
    it(`encodes RFC 8949 example ${hex} and decodes it again`, () => {
      assert.equal(toHex(encodeCbor(value)), hex);
      assert.deepEqual(decodeCbor(new Uint8Array(fromHex(hex))), value);
    });
  }

  it('covers the integers that a number holds exactly, and no others', () => {
    assert.equal(toHex(encodeCbor(2 ** 53 - 1)), '1b001fffffffffffff');
    assert.equal(toHex(encodeCbor(-(2 ** 53) + 1)), '3b001ffffffffffffe');
    for (const hex of ['1b0020000000000000', '3b001fffffffffffff', '1bffffffffffffffff']) {
      assert.throws(() => decodeCbor(fromHex(hex)));
    }
  });

  it('equals an encoder written from the RFC and comes back as it was', () => {
    fc.assert(
      fc.property(arbitraryCbor, (value) => {
        const bytes = encodeCbor(value);
        assert.equal(toHex(bytes), toHex(dumbEncode(value)));
        assert.deepEqual(decodeCbor(bytes), value);
      }),
      { numRuns: 500 },
    );
  });

  it('equals what another library writes, which reads whatever this one reads', () => {
    const options = { strict: true, allowIndefinite: false, rejectDuplicateMapKeys: true };
    fc.assert(
      fc.property(arbitraryCbor, (value) => {
        const bytes = cborg.encode(value, cborg.rfc8949EncodeOptions);
        assert.equal(toHex(encodeCbor(value)), toHex(bytes));
        assert.deepEqual(cborg.decode(bytes, options), value);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const value = decoded(bytes);
        if (value !== undefined) assert.deepEqual(cborg.decode(bytes, options), value);
      }),
      { numRuns: 1000 },
    );
  });

  it('takes values of any size, one after the other and inside one another', () => {
    const sizes = [0, 1, 22, 23, 24, 25, 255, 256, 65_534, 65_535, 65_536, 200_000];
    for (const size of sizes) {
      const value = [
        'a'.repeat(size),
        new Uint8Array(size),
        'ü'.repeat(size),
        { ['k'.repeat(size)]: size },
      ];
      assert.deepEqual(decodeCbor(encodeCbor(value)), value);
    }
    const inner = { b: 'x'.repeat(300) };
    const outer = {
      a: 'before',
      get inner() {
        return encodeCbor(inner);
      },
    };
    assert.deepEqual(decodeCbor(encodeCbor(outer)), { a: 'before', inner: encodeCbor(inner) });
    // What can't be encoded leaves nothing behind.
    assert.throws(() => encodeCbor(['x', 0.5]));
    assert.equal(toHex(encodeCbor(['x'])), '816178');
  });

  it('nests as deep as it can be read again, and no deeper', () => {
    const nested = (levels: number): Cbor => (levels === 0 ? 1 : [nested(levels - 1)]);
    assert.deepEqual(decodeCbor(encodeCbor(nested(512))), nested(512));
    assert.throws(() => encodeCbor(nested(513)), /nested too deep at \/0\/0/);
    assert.throws(() => decodeCbor(new Uint8Array(514).fill(0x81).fill(0x01, 513)), /too deep/);
  });

  it('does not depend on the order in which keys were set', () => {
    const long = { aa: 1, b: 2, c: { z: 1, é: 2, y: 3 } };
    const other = { c: { y: 3, é: 2, z: 1 }, b: 2, aa: 1 };
    assert.equal(toHex(encodeCbor(long)), toHex(encodeCbor(other)));
    // Shorter keys come first: their heads are smaller bytes.
    assert.equal(toHex(encodeCbor({ aa: 1, b: 2 })), 'a261620262616101');
  });

  const refused: Record<string, [unknown, RegExp]> = {
    'a fraction': [{ price: 1.5 }, /number 1\.5 at \/price/],
    'negative zero': [[-0], /number 0 at \/0|number -0 at \/0/],
    'an integer that a number does not hold exactly': [2 ** 53, /at the root/],
    infinity: [Number.POSITIVE_INFINITY, /Infinity at the root/],
    'no number': [Number.NaN, /NaN/],
    undefined: [[undefined], /undefined at \/0/],
    'a hole in an array': [new Array(1), /undefined at \/0/],
    'a function': [() => 0, /function/],
    'a big integer': [1n, /bigint/],
    'a symbol': [Symbol('s'), /symbol/],
    'a date': [{ at: new Date(0) }, /an object of a class at \/at/],
    'a map': [new Map(), /an object of a class/],
    'half of a surrogate pair': [['\ud800'], /unpaired surrogate at \/0/],
    'half of a surrogate pair in a key': [{ '\udc00': 1 }, /unpaired surrogate/],
  };
  for (const [what, [value, message]] of Object.entries(refused)) {
    it(`refuses ${what} and says where it is`, () => {
      assert.throws(() => encodeCbor(value as Cbor), { name: 'TypeError', message });
    });
  }
});

describe('CBOR decoding', () => {
  const refused = {
    'a number that is longer than need be': '1817',
    'a length that is longer than need be': '580100',
    'a count that is longer than need be': '980100',
    'keys in another order': 'a2616201616101',
    'longer keys before shorter ones': 'a262616101616202',
    'the same key twice': 'a2616101616101',
    'a key that is no text': 'a10102',
    'a key of bytes': 'a1416101',
    'a half-precision float': 'f93c00',
    'a double-precision float': 'fb3ff8000000000000',
    'an integer written as a float': 'fb3ff0000000000000',
    infinity: 'f97c00',
    'no number': 'f97e00',
    'negative zero': 'f98000',
    undefined: 'f7',
    'another simple value': 'f0',
    'a tag': 'c11a514b67b0',
    'a big number': 'c249010000000000000000',
    'an indefinite array': '9f01ff',
    'indefinite bytes': '5f4101ff',
    'an indefinite text': '7f6161ff',
    'an indefinite map': 'bf616101ff',
    'a text that is not UTF-8': '61ff',
    'a text with half of a surrogate pair': '63eda080',
    'an item that was cut off': '8201',
    'a length beyond the end': '5affffffff00',
    'a second item': '0000',
    'a break alone': 'ff',
    'a reserved length': '1c',
    nothing: '',
  };
  for (const [what, hex] of Object.entries(refused)) {
    it(`refuses ${what}`, () => assert.throws(() => decodeCbor(fromHex(hex)), Error));
  }

  it('accepts nothing but what encoding gives back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const value = decoded(bytes);
        if (value !== undefined) assert.equal(toHex(encodeCbor(value)), toHex(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses, or reads as another value, any encoding with one bit changed', () => {
    fc.assert(
      fc.property(arbitraryCbor, fc.nat(), (value, at) => {
        const bytes = Uint8Array.from(encodeCbor(value));
        const bit = at % (bytes.length * 8);
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        assert.notDeepEqual(decoded(bytes), value);
      }),
      { numRuns: 300 },
    );
  });

  it('takes a key named __proto__ as data, never as a prototype', () => {
    const bytes = fromHex('a1695f5f70726f746f5f5fa1616101');
    const map = decodeCbor(bytes) as Record<string, Cbor>;
    assert.deepEqual(Object.keys(map), ['__proto__']);
    assert.equal(map.a, undefined);
    assert.equal(toHex(encodeCbor(map)), toHex(bytes));
  });

  it('answers a fault, not a crash, for nesting without end', () => {
    assert.throws(() => decodeCbor(new Uint8Array(1_000_000).fill(0x81)), Error);
  });
});

describe('a contract value', () => {
  it('is written in the order in which it is read back', () => {
    const value = { reference: 1, id: { zz: 1, a: [{ c: 1, b: 2 }] }, ü: 0, 2: 'two', 1: 'one' };
    const text = JSON.stringify(toValue(value));
    assert.equal(text, JSON.stringify(decodeCbor(encodeCbor(value))));
    assert.notEqual(text, JSON.stringify(value));
  });

  it('is a copy without its undefined properties', () => {
    const input = { a: 1, b: undefined, c: [{ d: undefined, e: null }] };
    const value = toValue(input);
    assert.deepEqual(value, { a: 1, c: [{ e: null }] });
    assert.notEqual(value, input);
  });

  const refused: Record<string, [unknown, RegExp]> = {
    bytes: [{ a: Uint8Array.of(1) }, /bytes at \/a/],
    'undefined in a list': [[undefined], /undefined at \/0/],
    'undefined alone': [undefined, /undefined at the root/],
    'a fraction': [{ a: [0.5] }, /0\.5 at \/a\/0/],
    'a date': [new Date(0), /an object of a class/],
    'a key named __proto__': [JSON.parse('{"a":{"__proto__":1}}'), /__proto__ at \/a/],
    'half of a surrogate pair': ['\ud800', /surrogate/],
  };
  for (const [what, [value, message]] of Object.entries(refused)) {
    it(`refuses ${what} and says where it is`, () => {
      assert.throws(() => toValue(value), { name: 'TypeError', message });
    });
  }
});
