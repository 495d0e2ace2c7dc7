/** The law of `shared/ports/vault-store.ts`, sentence by sentence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  VAULT_CHANGES_MAX,
  VAULT_ENTRY_BYTES_MAX,
  type VaultStore,
} from '../../shared/ports/vault-store.ts';
import { bytesOf, plain } from './harness.ts';

export interface VaultHarness {
  readonly adapter: string;
  /** An empty store. */
  open(): Promise<VaultStore>;
  /** Closes a store and opens what it left behind; absent where nothing is left. */
  reopen?(store: VaultStore): Promise<VaultStore>;
}

const names = async (store: VaultStore, prefix: string, after?: string, limit = 1000) =>
  (await store.list({ prefix, limit, ...(after !== undefined && { after }) })).map(
    ({ name }) => name,
  );

export function vaultStoreSuite({ adapter, open, reopen }: VaultHarness): void {
  const says = (sentence: string) => `vault store (${adapter}): ${sentence}`;

  test(says('get answers what was written last, and nothing of what was removed'), async () => {
    const store = await open();
    assert.equal(await store.get('values/a'), undefined);
    await store.write([{ name: 'values/a', bytes: bytesOf(10, 1) }]);
    await store.write([{ name: 'values/a', bytes: bytesOf(20, 2) }]);
    assert.deepEqual(plain(await store.get('values/a')), bytesOf(20, 2));
    await store.write([{ name: 'values/a', bytes: null }]);
    assert.equal(await store.get('values/a'), undefined);
    assert.deepEqual(await names(store, ''), []);
    await store.write([{ name: 'values/a', bytes: null }]);
    await store.write([]);
  });

  test(says('a write of several changes puts and removes'), async () => {
    const store = await open();
    await store.write(['a', 'b', 'c'].map((name) => ({ name, bytes: bytesOf(5, 1) })));
    await store.write([
      { name: 'a', bytes: null },
      { name: 'b', bytes: bytesOf(5, 2) },
      { name: 'd', bytes: bytesOf(5, 3) },
    ]);
    const all = await store.list({ prefix: '', limit: 10 });
    assert.deepEqual(
      all.map(({ name, bytes }) => [name, plain(bytes)]),
      [
        ['b', bytesOf(5, 2)],
        ['c', bytesOf(5, 1)],
        ['d', bytesOf(5, 3)],
      ],
    );
  });

  test(says('swap puts in the place of exactly what is there; of several one wins'), async () => {
    const store = await open();
    const put = (byte: number, before: Uint8Array | null) =>
      store.swap({ name: 'a', bytes: bytesOf(5, byte) }, before);
    assert.equal(await put(1, bytesOf(5, 1)), false);
    assert.equal(await put(1, null), true);
    assert.equal(await put(2, null), false);
    assert.equal(await put(2, bytesOf(4, 1)), false);
    assert.equal(await put(2, bytesOf(5, 1)), true);
    assert.deepEqual(plain(await store.get('a')), bytesOf(5, 2));
    for (const before of [bytesOf(5, 2), null]) {
      if (!before) await store.write([{ name: 'a', bytes: null }]);
      const won = await Promise.all([3, 4, 5, 6].map((byte) => put(byte, before)));
      assert.equal(won.filter(Boolean).length, 1);
      assert.deepEqual(plain(await store.get('a')), bytesOf(5, 3 + won.indexOf(true)));
    }
    const last = (await store.get('a'))!;
    await Promise.all([
      store.write([{ name: 'a', bytes: null }]),
      ...[7, 8].map((byte) => put(byte, last)),
    ]);
    assert.equal(await store.get('a'), undefined, 'a removal wins');
    await assert.rejects(store.swap({ name: 'a b', bytes: bytesOf(5, 1) }, null));
  });

  test(
    says('list answers a prefix in the order of the names, after one, up to a limit'),
    async () => {
      const all = [
        'out/1/a',
        'out/1/b',
        'out/10/a',
        'out/2',
        'outer',
        'values/A',
        'values/_',
        'values/a',
      ];
      const store = await open();
      await store.write(
        all.toReversed().map((name, index) => ({ name, bytes: bytesOf(3, index) })),
      );
      const sorted = all.toSorted();
      assert.deepEqual(await names(store, ''), sorted);
      assert.deepEqual(await names(store, 'out/'), ['out/1/a', 'out/1/b', 'out/10/a', 'out/2']);
      assert.deepEqual(await names(store, 'out/1/'), ['out/1/a', 'out/1/b']);
      assert.deepEqual(await names(store, 'none'), []);
      await fc.assert(
        fc.asyncProperty(
          fc.constantFrom('', 'o', 'out/', 'values/', 'x'),
          fc.constantFrom(...all, 'out/11', ''),
          fc.nat(9),
          async (prefix, after, limit) => {
            const expected = sorted.filter((name) => name.startsWith(prefix) && name > after);
            assert.deepEqual(await names(store, prefix, after, limit), expected.slice(0, limit));
          },
        ),
        { numRuns: 40 },
      );
    },
  );

  test(says('the largest entries, the most changes and an empty entry are taken'), async () => {
    const store = await open();
    const largest = bytesOf(VAULT_ENTRY_BYTES_MAX, 3);
    await store.write([{ name: 'x'.repeat(200), bytes: largest }]);
    assert.deepEqual(plain(await store.get('x'.repeat(200))), largest);
    const many = Array.from({ length: VAULT_CHANGES_MAX }, (_, index) => ({
      name: `many/${index}`,
      bytes: bytesOf(index, index),
    }));
    await store.write(many);
    assert.equal((await names(store, 'many/')).length, VAULT_CHANGES_MAX);
    assert.deepEqual(plain(await store.get('many/0')), new Uint8Array());
  });

  test(says('what breaks the law is refused, and changes nothing'), async () => {
    const store = await open();
    const bytes = bytesOf(1, 1);
    const wrong = [
      [
        { name: 'a', bytes },
        { name: 'a', bytes: null },
      ],
      ...['', '/', 'a/', '/a', 'a//b', 'a b', 'é', 'x'.repeat(201)].map((name) => [
        { name: 'good', bytes },
        { name, bytes },
      ]),
      [{ name: 'a', bytes: new Uint8Array(VAULT_ENTRY_BYTES_MAX + 1) }],
      Array.from({ length: VAULT_CHANGES_MAX + 1 }, (_, index) => ({ name: `${index}`, bytes })),
      Array.from({ length: 10 }, (_, index) => ({
        name: `${index}`,
        bytes: new Uint8Array(VAULT_ENTRY_BYTES_MAX),
      })),
    ];
    for (const changes of wrong) await assert.rejects(store.write(changes));
    assert.deepEqual(await names(store, ''), []);
  });

  test(says('writes at the same time are all there'), async () => {
    const store = await open();
    await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        store.write([
          { name: `side/${index}`, bytes: bytesOf(50, index) },
          { name: 'shared', bytes: bytesOf(50, index) },
        ]),
      ),
    );
    assert.equal((await names(store, 'side/')).length, 40);
    assert.ok(await store.get('shared'));
  });

  if (reopen) {
    test(says('what was written survives closing and opening again'), async () => {
      const store = await open();
      await store.write(['a', 'b'].map((name) => ({ name, bytes: bytesOf(9, 1) })));
      await store.write([{ name: 'a', bytes: null }]);
      const again = await reopen(store);
      assert.deepEqual(await names(again, ''), ['b']);
    });
  }
}
