/** The law of the usage store, run by each adapter. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { UsageNumbers, UsageStore } from '../../shared/ports/usage-store.ts';

const most = { transactions: 10, storedBytes: 1000 };
const numbers = (more: Partial<UsageNumbers>): UsageNumbers => ({
  requests: 0,
  reads: 0,
  transactions: 0,
  bytesIn: 0,
  ...more,
});

export interface UsageHarness {
  readonly adapter: string;
  open(): Promise<UsageStore>;
  /** What is there after a restart; absent where nothing is left. */
  reopen?(store: UsageStore): Promise<UsageStore>;
}

export function usageStoreSuite({ adapter, open, reopen }: UsageHarness): void {
  describe(`usage store: ${adapter}`, () => {
    it('adds up by tenant and day, and answers the totals', async () => {
      const store = await open();
      const one = numbers({ requests: 2, reads: 1, transactions: 1, bytesIn: 100 });
      await store.add('a', '2026-01-01', one, most);
      const { added, usage } = await store.add('a', '2026-01-01', one, most);
      assert.equal(added, true);
      const twice = { requests: 4, reads: 2, transactions: 2, bytesIn: 200, storedBytes: 200 };
      assert.deepEqual(usage, { day: '2026-01-01', ...twice });
      await store.add('b', '2026-01-01', numbers({ requests: 1 }), most);
      const [other] = await store.read('b', '2026-01-01', '2026-01-01');
      assert.deepEqual([other!.requests, other!.transactions], [1, 0]);
    });

    it('adds all of the numbers or none where one more would be too many', async () => {
      const store = await open();
      const nine = numbers({ transactions: 9, requests: 9, bytesIn: 9 });
      await store.add('a', '2026-01-01', nine, most);
      const two = numbers({ transactions: 2, requests: 2, bytesIn: 2 });
      const refused = await store.add('a', '2026-01-01', two, most);
      assert.equal(refused.added, false);
      assert.deepEqual([refused.usage.transactions, refused.usage.requests], [9, 9]);
      const last = await store.add('a', '2026-01-01', numbers({ transactions: 1 }), most);
      assert.deepEqual([last.added, last.usage.transactions], [true, 10]);
      // Reads are counted all the same, and another day and another tenant have their own.
      const read = await store.add('a', '2026-01-01', numbers({ reads: 1 }), most);
      assert.equal(read.added, true);
      assert.equal((await store.add('a', '2026-01-02', two, most)).added, true);
      assert.equal((await store.add('b', '2026-01-01', two, most)).added, true);
    });

    it('refuses what a fresh day has no room for', async () => {
      const store = await open();
      const many = numbers({ transactions: 11 });
      const refused = await store.add('a', '2026-01-01', many, most);
      assert.deepEqual([refused.added, refused.usage.transactions], [false, 0]);
      assert.deepEqual(await store.read('a', '2026-01-01', '2026-01-01'), []);
    });

    it('goes on with the stored bytes from day to day', async () => {
      const store = await open();
      const bytes = numbers({ transactions: 1, bytesIn: 600 });
      await store.add('a', '2026-01-01', bytes, most);
      const next = await store.add('a', '2026-01-05', numbers({ reads: 1 }), most);
      assert.equal(next.usage.storedBytes, 600);
      assert.equal((await store.add('a', '2026-01-05', bytes, most)).added, false);
      const small = numbers({ transactions: 1, bytesIn: 400 });
      const last = await store.add('a', '2026-01-05', small, most);
      assert.deepEqual([last.added, last.usage.storedBytes, last.usage.bytesIn], [true, 1000, 400]);
    });

    it('bounds bytes that come without a transaction by the bytes alone', async () => {
      const store = await open();
      await store.add('a', '2026-01-01', numbers({ transactions: 10, bytesIn: 100 }), most);
      const bytes = (bytesIn: number) => store.add('a', '2026-01-01', numbers({ bytesIn }), most);
      assert.equal((await bytes(901)).added, false);
      assert.equal((await bytes(900)).added, true);
      assert.equal((await bytes(1)).added, false);
      // What is given back makes room.
      assert.equal((await bytes(-500)).usage.storedBytes, 500);
      assert.equal((await bytes(500)).added, true);
      assert.equal(
        (await store.add('b', '2026-01-01', numbers({ bytesIn: 1001 }), most)).added,
        false,
      );
      // A limit that was lowered since stops transactions only.
      const fewer = { transactions: 5, storedBytes: 2000 };
      const more = await store.add('a', '2026-01-01', numbers({ bytesIn: 1 }), fewer);
      assert.equal(more.added, true);
    });

    it('loses no add of many at once, and lets no more through than fit', async () => {
      const store = await open();
      const one = numbers({ requests: 1, transactions: 1, bytesIn: 1 });
      const results = await Promise.all(
        Array.from({ length: 20 }, () => store.add('a', '2026-01-01', one, most)),
      );
      assert.equal(results.filter(({ added }) => added).length, 10);
      const [usage] = await store.read('a', '2026-01-01', '2026-01-01');
      assert.deepEqual([usage!.transactions, usage!.requests], [10, 10]);
    });

    it('answers the days of a range in order', async () => {
      const store = await open();
      for (const day of ['2026-01-03', '2026-01-01', '2026-02-01', '2025-12-31']) {
        await store.add('a', day, numbers({ reads: 1 }), most);
      }
      const days = await store.read('a', '2026-01-01', '2026-01-31');
      assert.deepEqual(
        days.map(({ day }) => day),
        ['2026-01-01', '2026-01-03'],
      );
    });

    if (reopen) {
      it('keeps totals over a restart', async () => {
        const store = await open();
        const some = numbers({ requests: 3, reads: 2, transactions: 1, bytesIn: 50 });
        await store.add('a', '2026-01-01', some, most);
        await store.add('a', '2026-01-01', some, most);
        const again = await reopen(store);
        const [usage] = await again.read('a', '2026-01-01', '2026-01-01');
        assert.deepEqual(usage, await store.read('a', '2026-01-01', '2026-01-01').then(([u]) => u));
        const next = await again.add('a', '2026-01-02', some, most);
        assert.equal(next.usage.storedBytes, 150);
      });
    }
  });
}
