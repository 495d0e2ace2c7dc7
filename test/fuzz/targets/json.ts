/** Strict JSON, as requests, transactions and import lines are read. */
import assert from 'node:assert/strict';
import { parseJson } from '../../../shared/api/json.ts';
import type { Value } from '../../../shared/bytes/cbor.ts';
import { parseStrictJson } from '../../../shared/bytes/strict-json.ts';
import { textOf } from '../invariant.ts';

export function fuzz(data: Uint8Array): void {
  const text = textOf(data);
  const strict = parseStrictJson(text);
  const answer = parseJson(text);
  let plain: { readonly value: Value } | undefined;
  try {
    plain = { value: JSON.parse(text) as Value };
  } catch {}
  if ('value' in strict) {
    // What passes is what the platform reads, and is read so by everybody: writing it loses nothing.
    assert.ok(plain && 'value' in answer);
    assert.deepEqual(strict.value, plain.value);
    const again = parseStrictJson(JSON.stringify(strict.value));
    assert.ok('value' in again, 'a value that is refused once it is written');
    assert.deepEqual(again.value, JSON.parse(JSON.stringify(strict.value)));
    return;
  }
  assert.equal(strict.fault === 'not-json', plain === undefined);
  assert.ok(strict.pointer === '' || strict.pointer.startsWith('/'));
  assert.ok(strict.pointer.isWellFormed());
  if (strict.fault !== 'not-json') {
    assert.ok('refused' in answer && answer.refused.pointer === strict.pointer);
    return;
  }
  assert.ok('fault' in answer);
  const { line, column } = answer.fault;
  const lines = text.split('\n');
  assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`);
  assert.ok(column >= 1 && column <= lines[line - 1]!.length + 1, `column ${column}`);
}
