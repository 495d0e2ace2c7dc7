/** The law of `shared/ports/state-store.ts`, sentence by sentence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NodeStores } from '../../node/node-stores.ts';
import { fromUtf8, utf8 } from '../../shared/bytes/text.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import type { StateBatch } from '../../shared/ports/state-store.ts';
import { bytesOf, type Harness, opened, plain } from './harness.ts';

/** A batch of texts at a height; null deletes. */
const batch = (height: number, values: Record<string, string | null>): StateBatch => ({
  height,
  values: Object.entries(values).map(([key, text]) => [key, text === null ? null : utf8(text)]),
  items: [],
});

const textOf = (bytes: Uint8Array | undefined): string | undefined => bytes && fromUtf8(bytes);

/** What a store says at once, before and after it said the same to who waits, is the same. */
async function get({ state }: NodeStores, keys: string[], at: number) {
  const early = keys.map((key) => state.now?.value(key, at));
  const values = await state.get(keys, at);
  const late = keys.map((key) => state.now?.value(key, at));
  for (const [index, value] of values.entries()) {
    if (early[index] !== undefined) assert.deepEqual(early[index], value ?? null);
    if (state.now) assert.deepEqual(late[index], value ?? null);
  }
  return values.map(textOf);
}

async function scan({ state }: NodeStores, from: string, to: string, at: number, limit = 1000) {
  const range = { from, to, limit };
  const early = state.now?.scan(range, at);
  const entries = await state.scan(range, at);
  if (early) assert.deepEqual(early, entries);
  if (state.now) assert.deepEqual(state.now.scan(range, at), entries);
  return entries.map(({ key, value }) => [key, textOf(value)]);
}

export function stateStoreSuite(harness: Harness): void {
  const says = (sentence: string) => `state store (${harness.adapter}): ${sentence}`;

  test(says('get answers the value of the newest height at or below the asked one'), async () => {
    const stores = await opened(harness);
    await stores.state.write(batch(2, { a: 'two', b: 'two' }));
    await stores.state.write(batch(5, { a: 'five' }));
    await stores.state.write(batch(1000, { a: 'thousand', c: '' }));
    const keys = ['a', 'b', 'c', 'd'];
    assert.deepEqual(await get(stores, keys, 1), [undefined, undefined, undefined, undefined]);
    assert.deepEqual(await get(stores, keys, 2), ['two', 'two', undefined, undefined]);
    assert.deepEqual(await get(stores, keys, 4), ['two', 'two', undefined, undefined]);
    assert.deepEqual(await get(stores, keys, 5), ['five', 'two', undefined, undefined]);
    assert.deepEqual(await get(stores, keys, 999), ['five', 'two', undefined, undefined]);
    assert.deepEqual(await get(stores, keys, 1000), ['thousand', 'two', '', undefined]);
    assert.deepEqual(await get(stores, keys, Number.MAX_SAFE_INTEGER), [
      'thousand',
      'two',
      '',
      undefined,
    ]);
  });

  test(says('a deleted value is absent from its height on, and may come back'), async () => {
    const stores = await opened(harness);
    await stores.state.write(batch(1, { a: 'one' }));
    await stores.state.write(batch(2, { a: null, never: null }));
    await stores.state.write(batch(3, { a: 'three' }));
    const seen = await Promise.all([0, 1, 2, 3].map((at) => get(stores, ['a', 'never'], at)));
    assert.deepEqual(seen, [
      [undefined, undefined],
      ['one', undefined],
      [undefined, undefined],
      ['three', undefined],
    ]);
    assert.deepEqual(await scan(stores, '', '~', 2), []);
  });

  test(says('keys are found exactly, not by a part of them'), async () => {
    const stores = await opened(harness);
    await stores.state.write(batch(1, { 'a/b': '1', 'a/b/c': '2', a: '3' }));
    assert.deepEqual(await get(stores, ['a', 'a/', 'a/b', 'a/b/', 'a/b/c', 'a/b/c/d', ''], 9), [
      '3',
      undefined,
      '1',
      undefined,
      '2',
      undefined,
      undefined,
    ]);
  });

  test(says('scan goes from one key up to another in the order of UTF-8 bytes'), async () => {
    const stores = await opened(harness);
    // U+FF5E sorts before U+1F600 by bytes and after it by UTF-16 units.
    const keys = ['a', 'a ', 'a/1', 'a/10', 'a/2', 'ab', 'é', '税', '～', '😀'];
    await stores.state.write(batch(1, Object.fromEntries(keys.toReversed().map((k) => [k, k]))));
    const all = (await scan(stores, '', '\u{10ffff}', 1)).map(([key]) => key);
    assert.deepEqual(all, keys);
    const within = async (from: string, to: string) =>
      (await scan(stores, from, to, 1)).map(([key]) => key);
    assert.deepEqual(await within('a/', 'a0'), ['a/1', 'a/10', 'a/2']);
    assert.deepEqual(await within('a/1', 'a/2'), ['a/1', 'a/10']);
    assert.deepEqual(await within('税', '😀'), ['税', '～']);
    assert.deepEqual(await within('b', 'a'), []);
    assert.deepEqual(await within('a', 'a'), []);
  });

  test(
    says('scan goes on after a key, and up to one, where the bound is that key with a NUL'),
    async () => {
      const stores = await opened(harness);
      const keys = ['a', 'a\u0001', 'ab', 'b'];
      await stores.state.write({
        height: 1,
        values: keys.map((key) => [key, utf8(key)] as const),
        items: [],
      });
      const between = async (from: string, to: string) =>
        (await scan(stores, from, to, 1)).map(([key]) => key);
      assert.deepEqual(await between('a\0', 'c'), ['a\u0001', 'ab', 'b']);
      assert.deepEqual(await between('', 'a\0'), ['a']);
      assert.deepEqual(await between('a', 'ab\0'), ['a', 'a\u0001', 'ab']);
    },
  );

  test(says('scan answers at most the limit, of live entries at the height'), async () => {
    const stores = await opened(harness);
    await stores.state.write(batch(1, { a: 'a1', b: 'b1', c: 'c1', d: 'd1' }));
    await stores.state.write(batch(2, { a: null, b: 'b2', e: 'e2' }));
    for (let height = 3; height < 40; height++)
      await stores.state.write(batch(height, { c: 'new' }));
    assert.deepEqual(await scan(stores, '', '~', 2), [
      ['b', 'b2'],
      ['c', 'c1'],
      ['d', 'd1'],
      ['e', 'e2'],
    ]);
    assert.deepEqual(await scan(stores, '', '~', 2, 2), [
      ['b', 'b2'],
      ['c', 'c1'],
    ]);
    assert.deepEqual(await scan(stores, '', '~', 2, 0), []);
    assert.deepEqual(await scan(stores, '', '~', 1, 1), [['a', 'a1']]);
    assert.deepEqual(await scan(stores, '', '~', 0), []);
  });

  test(says('a height above the asked one, torn or whole, is not seen'), async () => {
    const stores = await opened(harness);
    await stores.state.write(batch(1, { a: 'one', b: 'one' }));
    // Part of height 2, as a torn write leaves it; then the whole.
    await stores.state.write(batch(2, { a: 'two' }));
    assert.deepEqual(await get(stores, ['a', 'b', 'c'], 1), ['one', 'one', undefined]);
    assert.deepEqual(await scan(stores, '', '~', 1), [
      ['a', 'one'],
      ['b', 'one'],
    ]);
    await stores.state.write(batch(2, { a: 'two', b: null, c: 'two' }));
    assert.deepEqual(await get(stores, ['a', 'b', 'c'], 1), ['one', 'one', undefined]);
    assert.deepEqual(await get(stores, ['a', 'b', 'c'], 2), ['two', undefined, 'two']);
  });

  test(
    says('heights below one that is there are kept: of a state sync that was given up'),
    async () => {
      const stores = await opened(harness);
      await stores.state.write(batch(0, { a: 'zero', b: 'zero' }));
      await stores.state.write(batch(30, { a: 'thirty', b: 'thirty', c: 'thirty' }));
      for (const height of [5, 7, 6, 9, 9]) {
        await stores.state.write(
          batch(height, { a: `${height}`, c: height === 6 ? null : `${height}` }),
        );
      }
      const seen = async (at: number) => get(stores, ['a', 'b', 'c'], at);
      assert.deepEqual(await seen(4), ['zero', 'zero', undefined]);
      assert.deepEqual(await seen(5), ['5', 'zero', '5']);
      assert.deepEqual(await seen(6), ['6', 'zero', undefined]);
      assert.deepEqual(await seen(7), ['7', 'zero', '7']);
      assert.deepEqual(await seen(29), ['9', 'zero', '9']);
      assert.deepEqual(await seen(30), ['thirty', 'thirty', 'thirty']);
      assert.deepEqual(await scan(stores, '', '~', 6), [
        ['a', '6'],
        ['b', 'zero'],
      ]);
      // Too large to stand with another; and what was written before, once more.
      const [nine, ten] = [bytesOf(200_000, 1), bytesOf(200_000, 2)];
      const large = (height: number, value: Uint8Array): StateBatch => ({
        height,
        values: [['d', value]],
        items: [],
      });
      await stores.state.write(batch(5, { d: '5' }));
      await stores.state.write(large(9, nine));
      await stores.state.write(large(10, ten));
      await stores.state.write(batch(5, { d: '5' }));
      const [at9] = await stores.state.get(['d'], 9);
      // A difference of so many bytes can't be printed.
      assert.ok(at9 && Buffer.compare(at9, nine) === 0);
      assert.deepEqual(await get(stores, ['d'], 8), ['5']);
      await stores.state.write(batch(31, { a: 'on' }));
      assert.deepEqual(await seen(31), ['on', 'thirty', 'thirty']);
      assert.deepEqual(await seen(8), ['7', 'zero', '7']);
    },
  );

  test(says('writing a height again is harmless, before and after the head moved'), async () => {
    const stores = await opened(harness);
    const two: StateBatch = { ...batch(2, { a: 'two', b: null }), items: [['i/2', utf8('item')]] };
    await stores.state.write(batch(1, { a: 'one', b: 'one' }));
    await stores.state.write(two);
    await stores.state.write(two);
    await stores.heads.swap('head', 0, { version: 1, bytes: bytesOf(10, 1) });
    await stores.state.write(batch(3, { a: 'three' }));
    await stores.state.write(two);
    await stores.heads.swap('head', 1, { version: 2, bytes: bytesOf(10, 1) });
    assert.deepEqual(await get(stores, ['a', 'b'], 1), ['one', 'one']);
    assert.deepEqual(await get(stores, ['a', 'b'], 2), ['two', undefined]);
    assert.deepEqual(await get(stores, ['a', 'b'], 3), ['three', undefined]);
    assert.deepEqual((await stores.state.items(['i/2'])).map(textOf), ['item']);
  });

  test(says('items are answered by name, in the order asked, undefined where absent'), async () => {
    const stores = await opened(harness);
    const items = Array.from({ length: 50 }, (_, i): [string, Uint8Array] => [
      `page/${i}`,
      bytesOf(i * 100, i),
    ]);
    await stores.state.write({ height: 1, values: [], items });
    const names = ['page/7', 'none', 'page/49', 'page/7', 'page'];
    for (let round = 0; round < 2; round++) {
      const read = (await stores.state.items(names)).map(plain);
      const { now } = stores.state;
      if (now) assert.deepEqual(names.map(now.item).map(plain), read);
      const seven = bytesOf(700, 7);
      assert.deepEqual(read, [seven, undefined, bytesOf(4900, 49), seven, undefined]);
      await stores.heads.swap('head', round, { version: round + 1, bytes: bytesOf(10, 1) });
    }
    assert.deepEqual(await stores.state.items([]), []);
  });

  test(says('the longest keys and the largest values are kept'), async () => {
    const stores = await opened(harness);
    const key = '票'.repeat(Math.floor(LIMITS.stateKeyBytesMax / 3)).padEnd(172, 'x');
    assert.equal(utf8(key).length, LIMITS.stateKeyBytesMax);
    const value = bytesOf(LIMITS.stateValueBytesMax, 3);
    await stores.state.write({ height: 1, values: [[key, value]], items: [['large', value]] });
    for (let round = 0; round < 2; round++) {
      assert.deepEqual((await stores.state.get([key], 1)).map(plain), [value]);
      assert.deepEqual((await stores.state.items(['large'])).map(plain), [value]);
      const [entry] = await stores.state.scan({ from: key, to: `${key}x`, limit: 1 }, 1);
      assert.equal(entry?.key, key);
      assert.deepEqual(plain(entry?.value), value);
      await stores.heads.swap('head', round, { version: round + 1, bytes: bytesOf(10, 1) });
    }
  });

  test(says('what was stored does not change with the bytes that were given or read'), async () => {
    const stores = await opened(harness);
    const given = bytesOf(40_000, 1);
    await stores.state.write({ height: 1, values: [['k', given]], items: [['i', given]] });
    given.fill(0);
    for (let round = 0; round < 2; round++) {
      const [value] = await stores.state.get(['k'], 1);
      const [item] = await stores.state.items(['i']);
      assert.deepEqual([plain(value), plain(item)], [bytesOf(40_000, 1), bytesOf(40_000, 1)]);
      value!.fill(0);
      item!.fill(0);
      await stores.heads.swap('head', round, { version: round + 1, bytes: bytesOf(10, 1) });
    }
  });

  test(says('it answers as a simple model does, whatever is written and asked'), async () => {
    const key = fc.constantFrom('a', 'a/', 'a/1', 'a/2', 'b', 'é', '～', '😀', '税/1', '税/10');
    const value = fc.option(fc.uint8Array({ maxLength: 8 }), { nil: null });
    const command = fc.oneof(
      fc.record({ write: fc.dictionary(key, value, { maxKeys: 6 }), swap: fc.boolean() }),
      fc.record({ ago: fc.nat(4), from: key, to: key, limit: fc.nat(5) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 30 }), async (commands) => {
        const stores = await harness.open();
        const model: Map<string, Uint8Array | null>[] = [new Map()];
        let version = 0;
        for (const each of commands) {
          if ('write' in each) {
            const height = model.length;
            const values = Object.entries(each.write);
            await stores.state.write({ height, values, items: [] });
            model.push(new Map([...model[height - 1]!, ...values]));
            if (!each.swap) continue;
            await stores.heads.swap('head', version, { version: ++version, bytes: utf8('x') });
          } else {
            const at = Math.max(0, model.length - 1 - each.ago);
            const live = [...model[at]!]
              .filter((entry): entry is [string, Uint8Array] => entry[1] !== null)
              .map(([name, bytes]) => ({ key: name, bytes: utf8(name), value: bytes }))
              .sort((a, b) => Buffer.compare(a.bytes, b.bytes));
            const [from, to] = [utf8(each.from), utf8(each.to)];
            const expected = live
              .filter(
                ({ bytes }) => Buffer.compare(bytes, from) >= 0 && Buffer.compare(bytes, to) < 0,
              )
              .slice(0, each.limit);
            const scanned = await stores.state.scan(each, at);
            assert.deepEqual(
              scanned.map((entry) => ({ key: entry.key, value: plain(entry.value) })),
              expected.map((entry) => ({ key: entry.key, value: entry.value })),
            );
            const got = await stores.state.get([each.from, each.to], at);
            assert.deepEqual(got.map(plain), [
              model[at]!.get(each.from) ?? undefined,
              model[at]!.get(each.to) ?? undefined,
            ]);
          }
        }
        await stores.close();
      }),
      { numRuns: 60 },
    );
  });

  test(
    says('a removed item is absent, before and after a swap, and may be written again'),
    async () => {
      const { state, heads } = await opened(harness);
      const item = (name: string) => ({
        height: 1,
        values: [],
        items: [[name, utf8(name)] as const],
      });
      const itemsOf = async (...names: string[]) => (await state.items(names)).map(textOf);
      await state.write(item('early'));
      await heads.swap('head', 0, { version: 1, bytes: bytesOf(10, 1) });
      await state.write(item('late'));
      await state.write(item('kept'));
      await state.removeItems(['early', 'late', 'absent']);
      assert.deepEqual(await itemsOf('early', 'late', 'kept'), [undefined, undefined, 'kept']);
      await heads.swap('head', 1, { version: 2, bytes: bytesOf(10, 1) });
      assert.deepEqual(await itemsOf('early', 'late', 'kept'), [undefined, undefined, 'kept']);
      await state.removeItems(['kept']);
      await state.write(item('kept'));
      await state.write(item('early'));
      assert.deepEqual(await itemsOf('early', 'kept'), ['early', 'kept']);
      await heads.swap('head', 2, { version: 3, bytes: bytesOf(10, 1) });
      assert.deepEqual(await itemsOf('early', 'kept'), ['early', 'kept']);
    },
  );

  if (harness.reopen) {
    const { reopen } = harness;
    test(says('what was written survives closing and opening again'), async () => {
      const stores = await harness.open();
      await stores.state.write({ ...batch(1, { a: 'one', b: 'one' }), items: [['i', utf8('i')]] });
      await stores.heads.swap('head', 0, { version: 1, bytes: bytesOf(10, 1) });
      await stores.state.write(batch(2, { a: null }));
      const again = await reopen(stores);
      assert.deepEqual(await get(again, ['a', 'b'], 1), ['one', 'one']);
      assert.deepEqual(await get(again, ['a', 'b'], 2), [undefined, 'one']);
      assert.deepEqual((await again.state.items(['i'])).map(textOf), ['i']);
      await again.close();
    });
  }
}
