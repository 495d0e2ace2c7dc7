/** The law of the tally of the ledger, run by each adapter. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { LedgerUsageOfDay, LedgerUsageStore } from '../../shared/ports/ledger-usage-store.ts';

const record = (day: string, height: number): LedgerUsageOfDay => ({
  day,
  height,
  committed: height,
  refused: 1,
  bytes: height * 100,
  storedBytes: height * 1000,
});

export interface LedgerUsageHarness {
  readonly adapter: string;
  open(): Promise<LedgerUsageStore>;
  reopen?(store: LedgerUsageStore): Promise<LedgerUsageStore>;
}

export function ledgerUsageStoreSuite({ adapter, open, reopen }: LedgerUsageHarness): void {
  describe(`tally of the ledger: ${adapter}`, () => {
    it('is empty at first, then the newest day says how far it is', async () => {
      const store = await open();
      assert.equal(await store.newest(), undefined);
      await store.put([record('2025-12-31', 5), record('2026-01-01', 9)]);
      assert.deepEqual(await store.newest(), record('2026-01-01', 9));
    });

    it('replaces a day, and answers ranges in order', async () => {
      const store = await open();
      await store.put([record('2026-01-01', 9), record('2026-01-03', 12)]);
      await store.put([record('2026-01-03', 20), record('2026-02-01', 30)]);
      const january = [record('2026-01-01', 9), record('2026-01-03', 20)];
      assert.deepEqual(await store.read('2026-01-01', '2026-01-31'), january);
      assert.deepEqual(await store.read('2027-01-01', '2027-01-31'), []);
    });

    if (reopen) {
      it('is there after a restart', async () => {
        const store = await open();
        await store.put([record('2026-01-01', 9)]);
        await store.put([record('2026-01-01', 11), record('2026-01-02', 12)]);
        const again = await reopen(store);
        const all = [record('2026-01-01', 11), record('2026-01-02', 12)];
        assert.deepEqual(await again.read('2026-01-01', '2026-01-31'), all);
      });
    }
  });
}
