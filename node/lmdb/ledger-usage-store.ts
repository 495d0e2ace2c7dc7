/** The tally of the ledger in LMDB, written along with the next commit: what is lost is counted again. */
import { z } from 'zod';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { utf8 } from '../../shared/bytes/text.ts';
import type { LedgerUsageStore } from '../../shared/ports/ledger-usage-store.ts';
import { memoryLedgerUsageStore } from '../memory/ledger-usage-store.ts';
import type { Environment } from './environment.ts';

const count = z.int().min(0);
export const LedgerUsageSchema = z.strictObject({
  day: z.string(),
  height: count,
  committed: count,
  refused: count,
  bytes: count,
  storedBytes: count,
});

const RECORD_BYTES = 150;

/** The tally of an open environment. */
export function lmdbLedgerUsageStore(environment: Environment): LedgerUsageStore {
  const table = environment.table('ledger-usage');
  const records = [...table.entries()].map(({ value }) =>
    LedgerUsageSchema.parse(decodeCbor(value)),
  );
  return memoryLedgerUsageStore(records, (record) => {
    const written = environment.later({
      bytes: RECORD_BYTES,
      write: () => table.put(utf8(record.day), encodeCbor({ ...record })),
      written: () => {},
    });
    // A store that fails ends all writing, and says so where somebody waits for it.
    written.catch(() => {});
  });
}
