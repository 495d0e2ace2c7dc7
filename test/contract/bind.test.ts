import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { z } from 'zod';
import type { Context } from '../../shared/contract/context.ts';
import { contract } from '../../shared/contract/define.ts';
import { refusal, TestLedger } from './run.ts';

const caller = { member: 'shop', name: 'ann', keyId: 'k', roles: ['notes.author'] };

/** A contract whose one transaction does what the test says. */
const notes = (act: (context: Context) => unknown) =>
  contract('notes', {
    version: 1,
    summary: 'Notes.',
    roles: { author: 'writes' },
    records: { note: z.strictObject({ text: z.string(), tags: z.array(z.string()).optional() }) },
    events: { written: z.strictObject({ key: z.string() }) },
    transactions: {
      act: {
        summary: 'Acts.',
        roles: ['author'],
        rejects: ['refused'],
        input: z.strictObject({}),
        output: z.null(),
        apply: (context) => {
          act(context as unknown as Context);
          return null;
        },
      },
    },
    queries: {},
  });

const run = (act: (context: Context) => unknown, ledger = new TestLedger([notes(act)])) => ({
  answer: ledger.call(caller, 'notes', 'act', {}),
  ledger,
});

describe('a bound context', () => {
  it('stores records under their full keys and prefixes the types of events', () => {
    const { answer, ledger } = run((context) => {
      context.put('note', 'a/b', { text: 'hello', tags: undefined });
      context.emit('written', { key: 'a/b' });
    });
    assert.deepEqual([...ledger.state], [['notes/note/a/b', { text: 'hello' }]]);
    assert.deepEqual(answer.ok && answer.events, [{ type: 'notes.written', data: { key: 'a/b' } }]);
  });

  it('leaves nothing behind where a call is refused', () => {
    const { answer, ledger } = run((context) => {
      context.put('note', 'a', { text: 'hello' });
      context.reject('refused', 'No.', { got: 1, expected: 2 });
    });
    assert.equal(ledger.state.size, 0);
    assert.deepEqual(answer, {
      ok: false,
      code: 'contract-rejected',
      reason: 'refused',
      message: 'No.',
      got: 1,
      expected: 2,
    });
  });

  const faults: [string, (context: Context) => unknown, RegExp][] = [
    ['a value that fails its schema', (c) => c.put('note', 'a', { text: 1 }), /at \/text/],
    ['an unknown field', (c) => c.put('note', 'a', { text: '', more: 1 }), /record note/],
    ['an undeclared record', (c) => c.put('other', 'a', {}), /no record "other"/],
    ['a record named like a property of objects', (c) => c.get('toString', 'a'), /no record/],
    ['an undeclared event', (c) => c.emit('other', {}), /no event "other"/],
    ['event data that fails its schema', (c) => c.emit('written', {}), /event written/],
    ['an undeclared reason', (c) => c.reject('other', 'No.'), /no reason "other"/],
    ['a control character in a key', (c) => c.get('note', 'a\nb'), /control character/],
    ['an empty key', (c) => c.put('note', '', { text: '' }), /empty key/],
    ['half a surrogate pair in a key', (c) => c.get('note', 'a\ud800'), /surrogate/],
    ['a key of more than 512 bytes', (c) => c.get('note', '税'.repeat(170)), /longer than 512/],
    [
      'changing in place what was read',
      (c) => {
        c.put('note', 'a', { text: 'x', tags: [] });
        (c.get('note', 'a') as { tags: string[] }).tags.push('y');
      },
      /TypeError/,
    ],
  ];
  for (const [what, act, message] of faults) {
    it(`takes ${what} as the contract's fault`, () => {
      assert.match(refusal(run(act).answer), new RegExp(`^contract-error: .*${message.source}`));
    });
  }

  it('scans in the order of UTF-8 bytes what starts with the prefix and comes after the key', () => {
    const key = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 });
    const unit = fc.oneof(
      key,
      fc.constantFrom('a', 'ab', 'a\u{10ffff}', '\ud7ff', '\u{10ffff}b', 'b'),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: keys hold none.
    const keys = unit.filter((text) => !/[\u0000-\u001f\u007f-\u009f]/.test(text));
    const prefixes = fc.oneof(keys, fc.constant(''));
    fc.assert(
      fc.property(
        fc.uniqueArray(keys, { maxLength: 12 }),
        prefixes,
        fc.option(keys, { nil: undefined }),
        (all, prefix, after) => {
          let found: string[] = [];
          const { answer } = run((context) => {
            for (const name of all) context.put('note', name, { text: name });
            const range = after === undefined ? { prefix } : { prefix, after };
            found = context.scan('note', { ...range, limit: 100 }).map((entry) => entry.key);
          });
          const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
          const expected = all
            .filter((name) => name.startsWith(prefix))
            .filter((name) => after === undefined || order(name, after) > 0)
            .sort(order);
          assert.equal(answer.ok, true, JSON.stringify(answer));
          assert.deepEqual(found, expected);
        },
      ),
      { numRuns: 300 },
    );
  });
});
