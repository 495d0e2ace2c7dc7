import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Cbor, encodeCbor, type Value } from '../../shared/bytes/cbor.ts';
import { decodeResult, encodeResult } from '../../shared/ledger/result.ts';
import { digest, record } from './arbitraries.ts';

const { value: output } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.string(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ) as fc.Arbitrary<Value>,
}));

describe('a result', () => {
  it('of a committed transaction comes back as it was', () => {
    const events = fc.array(record({ type: fc.string(), data: output }), { maxLength: 3 });
    fc.assert(
      fc.property(digest, output, events, (transaction, value, list) => {
        const result = { transaction, status: 'committed', output: value, events: list } as const;
        assert.deepEqual(decodeResult(encodeResult(result)), result);
      }),
    );
  });

  it('of a rejected transaction comes back as it was', () => {
    const rejection = fc.record(
      {
        code: fc.constantFrom('forbidden' as const, 'contract-rejected' as const),
        message: fc.string(),
        reason: fc.string(),
        pointer: fc.string(),
        got: output,
        expected: output,
        issues: fc.array(record({ pointer: fc.string(), message: fc.string() })),
      },
      { requiredKeys: ['code', 'message'], noNullPrototype: true },
    );
    fc.assert(
      fc.property(digest, rejection, (transaction, value) => {
        const result = { transaction, status: 'rejected', rejection: value } as const;
        assert.deepEqual(decodeResult(encodeResult(result)), result);
      }),
    );
  });

  const id = new Uint8Array(32);
  const rejection = { code: 'forbidden', message: 'No.' };
  const refused: Record<string, Cbor> = {
    'a number': 1,
    'a map': { id },
    'an empty list': [],
    'one with a short id': [id.subarray(1), true, null, []],
    'one whose id is a text': ['00'.repeat(32), true, null, []],
    'one with a number for its status': [id, 1, null, []],
    'a committed one without events': [id, true, null],
    'a committed one with something behind its events': [id, true, null, [], 0],
    'a committed one that puts out bytes': [id, true, id, []],
    'one with an event that is no pair': [id, true, null, [['a.b']]],
    'one with an event of three parts': [id, true, null, [['a.b', 1, 2]]],
    'one with an event without a type': [id, true, null, [[1, 1]]],
    'a rejected one with events': [id, false, rejection, []],
    'a rejected one without a rejection': [id, false],
    'one with null for a rejection': [id, false, null],
    'one with a text for a rejection': [id, false, 'forbidden'],
    'one whose rejection has no message': [id, false, { code: 'forbidden' }],
  };
  for (const [what, item] of Object.entries(refused)) {
    it(`is not ${what}`, () => assert.throws(() => decodeResult(encodeCbor(item)), Error));
  }
});
