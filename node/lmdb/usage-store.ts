/**
 * The usage store in LMDB: totals in memory, written along with the next commit. A transaction is counted
 * on disk with the block that it stands in; a crash loses some reads at the most.
 */
import { z } from 'zod';
import { decodeCbor, encodeCbor } from '../../shared/bytes/cbor.ts';
import { utf8 } from '../../shared/bytes/text.ts';
import type { UsageOfDay, UsageStore } from '../../shared/ports/usage-store.ts';
import { memoryUsageStore } from '../memory/usage-store.ts';
import type { Environment } from './environment.ts';

const count = z.int().min(0);
const RecordSchema = z.strictObject({
  tenant: z.string(),
  day: z.string(),
  requests: count,
  reads: count,
  transactions: count,
  bytesIn: count,
  storedBytes: count,
});
type Stored = z.infer<typeof RecordSchema>;

/** About what a record takes. */
const RECORD_BYTES = 150;

/** The usage store of an open environment. */
export function lmdbUsageStore(environment: Environment): UsageStore {
  const table = environment.table('usage');
  const days: Stored[] = [];
  for (const { value } of table.entries()) days.push(RecordSchema.parse(decodeCbor(value)));
  /** The newest totals that no write has taken along yet, by tenant and day. */
  const unwritten = new Map<string, Stored>();

  function onChange(tenant: string, usage: UsageOfDay): void {
    const name = `${tenant} ${usage.day}`;
    const isQueued = unwritten.has(name);
    unwritten.set(name, { tenant, ...usage });
    if (isQueued) return;
    const written = environment.later({
      bytes: RECORD_BYTES,
      write() {
        const record = unwritten.get(name)!;
        unwritten.delete(name);
        return table.put(utf8(name), encodeCbor(record));
      },
      written: () => {},
    });
    // A store that fails ends all writing, and says so where somebody waits for it.
    written.catch(() => {});
  }
  return memoryUsageStore({ days, onChange });
}
