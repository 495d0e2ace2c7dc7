/** The head store of a node that forgets everything when it ends: for tests and simulation. */
import type { HeadStore, RecordName, VersionedRecord } from '../../shared/ports/head-store.ts';

/** A head store in memory, empty unless told; "durable" here means as long as the object lives. */
export function memoryHeadStore(records = new Map<RecordName, VersionedRecord>()): HeadStore {
  return {
    async read(name) {
      const record = records.get(name);
      return record && { version: record.version, bytes: new Uint8Array(record.bytes) };
    },
    async swap(name, expected, next) {
      // As DynamoDB would refuse it: a number that is none.
      if (!Number.isSafeInteger(expected) || !Number.isSafeInteger(next.version)) {
        throw new Error(`${name}: ${expected} and ${next.version} are no versions`);
      }
      if ((records.get(name)?.version ?? 0) !== expected) return false;
      records.set(name, { version: next.version, bytes: new Uint8Array(next.bytes) });
      return true;
    },
  };
}
