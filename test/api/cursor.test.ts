import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeBlockCursor,
  decodeEventCursor,
  encodeBlockCursor,
  encodeEventCursor,
  fromHeight,
} from '../../shared/api/cursor.ts';

const natural = fc.nat({ max: 2 ** 40 });

test('an event cursor survives its text', () => {
  fc.assert(
    fc.property(
      natural,
      natural,
      fc.integer({ min: -1, max: 1000 }),
      fc.option(natural),
      (height, tx, event, late) => {
        const place = { height, transactionIndex: tx, eventIndex: event };
        const cursor = { ...place, ...(late !== null && { late }) };
        assert.deepEqual(decodeEventCursor(encodeEventCursor(cursor)), cursor);
      },
    ),
  );
  assert.deepEqual(decodeEventCursor('7.0.s'), fromHeight(7));
});

test('a block cursor survives its text', () => {
  fc.assert(
    fc.property(natural, (before) => {
      assert.equal(decodeBlockCursor(encodeBlockCursor(before)), before);
    }),
  );
});

test('any other text is no cursor', () => {
  for (const text of [
    '',
    '1',
    '1.2',
    '1.2.3.4.5',
    '1.2.3.',
    '1.2.3.s',
    '01.2.3',
    '-1.0.0',
    '1.0.-1',
    ' 1.0.0',
    'b1',
  ]) {
    assert.equal(decodeEventCursor(text), undefined, text);
  }
  for (const text of ['', 'b', '1', 'b-1', 'b01', 'b1 ', 'B1']) {
    assert.equal(decodeBlockCursor(text), undefined, text);
  }
});
