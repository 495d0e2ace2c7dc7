/**
 * Blocks by id, final or not: immutable and content-addressed, kept until they are removed.
 *
 * The law:
 * - `put` of a block that is there already changes nothing and succeeds.
 * - When `put` resolves, `get` on this store finds the block. It is durable at the latest when a
 *   later `HeadStore.swap` on the same node answers true: body first, record second.
 * - A block is whole or absent, never in part.
 * - When `remove` resolves, `get` finds none of the blocks; removing an absent one succeeds. It need
 *   not be durable at once: a removed block may come back after a crash. It can be put again.
 */
import type { Digest } from '../bytes/digest.ts';

export interface BlockStore {
  put(id: Digest, bytes: Uint8Array): Promise<void>;
  get(id: Digest): Promise<Uint8Array | undefined>;
  remove(ids: readonly Digest[]): Promise<void>;
}
