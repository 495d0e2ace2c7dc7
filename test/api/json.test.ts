import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parseJson } from '../../shared/api/json.ts';

test('JSON parses to its value', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify(value);
      assert.deepEqual(parseJson(text), { value: JSON.parse(text) });
    }),
    { numRuns: 200 },
  );
});

test('a fault is named by line and column', () => {
  const cases: [text: string, line: number, column: number][] = [
    ['', 1, 1],
    ['{', 1, 2],
    ['{"a": b}', 1, 7],
    ['{"a": 1,}', 1, 9],
    ['{"a": 1\n "b": 2}', 2, 2],
    ['[1, 2,, 3]', 1, 7],
    ['[1 2]', 1, 4],
    ['{"a" 1}', 1, 6],
    ['{a: 1}', 1, 2],
    ["{'a': 1}", 1, 2],
    ['[1]\n]', 2, 1],
    ['"open', 1, 1],
    ['"a\nb"', 1, 1],
    ['[01]', 1, 3],
    ['[1.]', 1, 3],
    ['[NaN]', 1, 2],
    ['[true, tru]', 1, 8],
    ['{"a": [1, {"b": nul}]}', 1, 17],
    ['\ufeff{}', 1, 1],
  ];
  for (const [text, line, column] of cases) {
    assert.deepEqual(parseJson(text), { fault: { line, column } }, JSON.stringify(text));
  }
});

test('a damaged text has its fault at or before the end, and never throws', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(), fc.string(), (value, at, noise) => {
      const text = JSON.stringify(value, null, 1);
      const cut = at % (text.length + 1);
      const damaged = text.slice(0, cut) + noise + text.slice(cut);
      const parsed = parseJson(damaged);
      if (!('fault' in parsed)) return;
      const lines = damaged.split('\n');
      assert.ok(parsed.fault.line <= lines.length);
      assert.ok(parsed.fault.column <= lines[parsed.fault.line - 1]!.length + 1);
    }),
    { numRuns: 300 },
  );
});

test('deep nesting is read or refused in linear time', () => {
  const open = '['.repeat(200_000);
  assert.ok('fault' in parseJson(open));
});
