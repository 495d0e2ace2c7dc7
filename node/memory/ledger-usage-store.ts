/** The tally of the ledger in memory. */
import type { LedgerUsageOfDay, LedgerUsageStore } from '../../shared/ports/ledger-usage-store.ts';

export function memoryLedgerUsageStore(
  records: readonly LedgerUsageOfDay[] = [],
  onPut: (record: LedgerUsageOfDay) => void = () => {},
): LedgerUsageStore {
  const days = new Map(records.map((record) => [record.day, record]));
  const inOrder = () => [...days.values()].sort((a, b) => (a.day < b.day ? -1 : 1));
  return {
    newest: async () => inOrder().at(-1),
    async put(added) {
      for (const record of added) {
        days.set(record.day, record);
        onPut(record);
      }
    },
    read: async (from, to) => inOrder().filter(({ day }) => from <= day && day <= to),
  };
}
