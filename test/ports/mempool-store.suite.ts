/** The law of `shared/ports/mempool-store.ts`, sentence by sentence. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeStores } from '../../node/node-stores.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { bytesOf, digestOf, type Harness, opened, plain } from './harness.ts';

const entry = (number: number, length = 200) => ({
  id: digestOf(number),
  bytes: bytesOf(length, number),
});

async function listed({ mempool }: NodeStores): Promise<string[]> {
  return (await mempool.list()).map(({ id }) => id);
}

export function mempoolStoreSuite(harness: Harness): void {
  const says = (sentence: string) => `mempool store (${harness.adapter}): ${sentence}`;

  test(says('list answers what is held, in the order of the ids'), async () => {
    const stores = await opened(harness);
    assert.deepEqual(await stores.mempool.list(), []);
    const entries = Array.from({ length: 300 }, (_, index) => entry(index));
    await stores.mempool.add(entries);
    const held = await stores.mempool.list();
    const expected = entries.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    assert.deepEqual(
      held.map(({ id, bytes }) => ({ id, bytes: plain(bytes) })),
      expected,
    );
  });

  test(says('adding a transaction again changes nothing'), async () => {
    const { mempool } = await opened(harness);
    await mempool.add([entry(1)]);
    await mempool.add([{ id: digestOf(1), bytes: bytesOf(7, 9) }, entry(2)]);
    const held = await mempool.list();
    assert.equal(held.length, 2);
    assert.deepEqual(plain(held.find(({ id }) => id === digestOf(1))?.bytes), bytesOf(200, 1));
  });

  test(says('the largest transactions and an empty list are taken'), async () => {
    const { mempool } = await opened(harness);
    await mempool.add([]);
    await mempool.remove([]);
    await mempool.add([entry(1, LIMITS.transactionBytesMax)]);
    const [held] = await mempool.list();
    assert.deepEqual(plain(held?.bytes), bytesOf(LIMITS.transactionBytesMax, 1));
  });

  test(
    says('a removed transaction is listed no more; removing an absent one succeeds'),
    async () => {
      const stores = await opened(harness);
      await stores.mempool.add([entry(1), entry(2)]);
      await stores.mempool.remove([digestOf(1), digestOf(3)]);
      assert.deepEqual(await listed(stores), [digestOf(2)]);
      await stores.heads.swap('head', 0, { version: 1, bytes: bytesOf(10, 1) });
      assert.deepEqual(await listed(stores), [digestOf(2)]);
    },
  );

  test(
    says('a transaction added after its removal is held, whenever the removal ends'),
    async () => {
      const stores = await opened(harness);
      await stores.mempool.add([entry(1)]);
      await stores.mempool.remove([digestOf(1)]);
      await stores.mempool.add([entry(1)]);
      assert.deepEqual(await listed(stores), [digestOf(1)]);
      await stores.heads.swap('head', 0, { version: 1, bytes: bytesOf(10, 1) });
      assert.deepEqual(await listed(stores), [digestOf(1)]);
    },
  );

  test(says('many clients add at the same time'), async () => {
    const stores = await opened(harness);
    await Promise.all(
      Array.from({ length: 200 }, (_, index) => stores.mempool.add([entry(index)])),
    );
    assert.equal((await stores.mempool.list()).length, 200);
  });

  if (harness.reopen) {
    const { reopen } = harness;
    test(says('added transactions survive closing and opening again'), async () => {
      const stores = await harness.open();
      await stores.mempool.add([entry(1), entry(2), entry(3)]);
      await stores.mempool.remove([digestOf(2)]);
      const again = await reopen(stores);
      assert.deepEqual(await listed(again), [digestOf(1), digestOf(3)].toSorted());
      await again.close();
    });
  }
}
