/** JSON that not everybody reads in the same way is refused with its place, and everything else is let through. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseStrictJson } from '../../shared/bytes/strict-json.ts';

describe('strict JSON', () => {
  it('is what the platform reads, however it is written', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom('', ' ', '\t', 2), (value, space) => {
        const text = JSON.stringify(value, null, space);
        assert.deepEqual(parseStrictJson(text), { value: JSON.parse(text) });
      }),
    );
    for (const text of [
      '{"1": 1, "0": 2, "a": {"1": 3}}',
      '[1.0, 1e2, 12E-1, -0, 0.10, 100, 1E+3, 0e5]',
      '{"\\u0061": 1, "\\\\u0061": "\\"{[,"}',
      '"\\ud83d\\ude00 \\/"',
    ]) {
      assert.deepEqual(parseStrictJson(text), { value: JSON.parse(text) }, text);
    }
  });

  const refused: Record<string, [text: string, fault: string, pointer: string]> = {
    'no JSON': ['{"a":', 'not-json', ''],
    nothing: ['', 'not-json', ''],
    'a name twice': ['{"a":1,"a":1}', 'duplicate-name', '/a'],
    'a name twice, one of them written otherwise': [
      '{"b":[0,{"a":1,"\\u0061":2}]}',
      'duplicate-name',
      '/b/1/a',
    ],
    'a name twice, made up for in length by another value': [
      '{"a":1,"a":1,"b":1e21,"c":1e21,"d":1e21,"e":1e21,"f":1e21}',
      'duplicate-name',
      '/a',
    ],
    'a name twice that needs an escape in its place': [
      '{"a/~b":1,"a/~b":2}',
      'duplicate-name',
      '/a~1~0b',
    ],
    '__proto__ twice': ['{"__proto__":1,"__proto__":{}}', 'duplicate-name', '/__proto__'],
    'half of a surrogate pair': ['{"a":["\\ud800"]}', 'lone-surrogate', '/a/0'],
    'half of a surrogate pair in a name': ['{"\\udc00":1}', 'lone-surrogate', '/\ufffd'],
    'an integer that loses digits': ['{"amount":9007199254740993}', 'inexact-number', '/amount'],
    'a fraction that loses digits': ['[1,100.00000000000000001]', 'inexact-number', '/1'],
    'a number beyond what a number holds': ['{"amount":1e400}', 'inexact-number', '/amount'],
    'a number that vanishes': ['1e-400', 'inexact-number', ''],
    'a number without end': [`[0.${'1'.repeat(100)}]`, 'inexact-number', '/0'],
  };
  for (const [what, [text, fault, pointer]] of Object.entries(refused)) {
    it(`is not ${what}`, () => assert.deepEqual(parseStrictJson(text), { fault, pointer }));
  }

  it('nests as deep as it may, and no deeper', () => {
    const nested = (levels: number, space = '') =>
      `${`[${space}`.repeat(levels)}1${']'.repeat(levels)}`;
    for (const space of ['', ' ']) {
      assert.ok('value' in parseStrictJson(nested(4, space), 4));
      const deeper = parseStrictJson(nested(5, space), 4);
      assert.deepEqual(deeper, { fault: 'nested-too-deep', pointer: '/0/0/0/0' });
    }
    assert.ok('fault' in parseStrictJson(nested(100_000)));
  });

  it('holds no name twice, whatever the text', () => {
    const names = fc.array(fc.constantFrom('a', 'b', 'c', '\\u0061', '__proto__'), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(names, (list) => {
        const parsed = parseStrictJson(`{${list.map((name) => `"${name}": 1`).join(', ')}}`);
        const read = list.map((name) => JSON.parse(`"${name}"`) as string);
        const isTwice = new Set(read).size < read.length;
        assert.equal('fault' in parsed && parsed.fault, isTwice && 'duplicate-name');
      }),
    );
  });
});
