import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readJsonLines } from '../../../../workloads/invoice/import/json-lines.ts';
import { documentOf, lines } from '../market.ts';
import { all, chunks, short } from './reading.ts';

const document = documentOf(lines([1000, 1300]));
const entry = (more: object = {}) => JSON.stringify({ reference: 'A', document, ...more });
const read = (text: string | Uint8Array, bytesMax?: number) =>
  all(readJsonLines(chunks(text), bytesMax));

describe('the JSON lines reader', () => {
  it('reads a document a line, with all that goes with it', async () => {
    const more = {
      customer: 'c',
      at: '2026-03-01T08:00:00+08:00',
      relatesTo: 'X',
      purpose: 'meals',
    };
    const text = `${entry(more)}\n\n  \r\n${entry({ reference: 'B' })}`;
    const [first, second] = await read(text);
    assert.deepEqual(first, { kind: 'invoice', line: 1, reference: 'A', document, ...more });
    assert.ok(second?.kind === 'invoice');
    assert.deepEqual([second.line, second.reference], [4, 'B']);
  });

  it('says where a line stops being JSON, without repeating it', async () => {
    const [record] = await read(`${entry()}\n{"reference": secret}\n`).then((list) =>
      list.slice(1),
    );
    assert.deepEqual(record, {
      kind: 'refused',
      line: 2,
      reason: 'malformed-json',
      expected: 'JSON at column 15',
    });
  });

  it('names the field at fault', async () => {
    const wrong = { ...document, tax: 1 };
    const text = [
      '[]',
      '{"reference":"A"}',
      entry({ extra: 1 }),
      entry({ document: wrong }),
      entry({ document: { ...document, externalId: 'x' } }),
    ].join('\n');
    const expected = (await read(text)).map(
      (record) => record.kind === 'refused' && record.expected,
    );
    assert.match(String(expected[0]), /^\/: /);
    assert.match(String(expected[1]), /^\/document: /);
    assert.match(String(expected[2]), /extra/);
    assert.equal(expected[3], '/tax: found 1, expected 130');
    assert.match(String(expected[4]), /^\/document\/externalId: left out/);
  });

  it('wants the sign that the kind has', async () => {
    const negative = documentOf(lines([-1000, 1300]));
    const text = [
      entry({ document: negative }),
      entry({ kind: 'cancellation' }),
      entry({ kind: 'cancellation', document: negative }),
      entry({ document: documentOf(lines([0, 1300])) }),
    ].join('\n');
    assert.deepEqual(short(await read(text)), [
      'refused A negative-total',
      'refused A positive-cancellation',
      'cancellation A -1130',
      'refused A zero-total',
    ]);
  });

  it('refuses a line beyond the limit and goes on after it', async () => {
    const long = entry({ customer: 'x'.repeat(150) });
    const text = `${long}\n${entry()}\n${long}`;
    assert.deepEqual(short(await read(text, long.length - 1)), [
      'refused - too-large',
      'invoice A 1130',
      'refused - too-large',
    ]);
    assert.deepEqual(short(await read(text, long.length)), Array(3).fill('invoice A 1130'));
  });

  it('never holds a line that is too long', async () => {
    const chunk = Buffer.alloc(1024 * 1024, 'x');
    async function* endless() {
      for (let count = 0; count < 64; count++) yield chunk;
    }
    const before = process.memoryUsage().arrayBuffers;
    assert.deepEqual(short(await all(readJsonLines(endless()))), ['refused - too-large']);
    assert.ok(process.memoryUsage().arrayBuffers - before < 16 * 1024 * 1024);
  });

  it('refuses a line that is not UTF-8', async () => {
    const bytes = Buffer.concat([Buffer.from([0xff, 0x0a]), Buffer.from(entry())]);
    assert.deepEqual(short(await read(bytes)), ['refused - wrong-encoding', 'invoice A 1130']);
  });
});
