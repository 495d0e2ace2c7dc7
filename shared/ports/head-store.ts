/**
 * Compare-and-swap of a node's few small durable records: `safety` (what was signed), `head` (what
 * is final), `lease` (who drives), `alarm` (when a host rings next), `snapshot` (how far a state sync is), `retained` (where what this
 * node keeps begins). Each is an item of its own, read consistently.
 *
 * The law:
 * - `read` answers the last record whose `swap` succeeded, whoever wrote it (no stale reads).
 * - `swap` replaces the whole record on condition that its version is `expected` (0: there is none
 *   yet) and answers true only when the new record is durable: it survives a power failure.
 * - It answers false, and changes nothing, when the version is another.
 * - A thrown error is a fault and says nothing of what happened: read again to learn it.
 */
export interface HeadStore {
  read(name: RecordName): Promise<VersionedRecord | undefined>;
  swap(name: RecordName, expected: number, next: VersionedRecord): Promise<boolean>;
}

export type RecordName = 'safety' | 'head' | 'lease' | 'alarm' | 'snapshot' | 'retained';

/** A record with its version; `next.version` is always `expected + 1`. */
export interface VersionedRecord {
  readonly version: number;
  readonly bytes: Uint8Array;
}
