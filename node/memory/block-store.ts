/** The block store of a node that forgets everything when it ends: for tests and simulation. */
import type { Digest } from '../../shared/bytes/digest.ts';
import type { BlockStore } from '../../shared/ports/block-store.ts';

/** A block store in memory, empty unless told. */
export function memoryBlockStore(blocks = new Map<Digest, Uint8Array>()): BlockStore {
  return {
    async put(id, bytes) {
      if (!blocks.has(id)) blocks.set(id, new Uint8Array(bytes));
    },
    async get(id) {
      const bytes = blocks.get(id);
      return bytes && new Uint8Array(bytes);
    },
    async remove(ids) {
      for (const id of ids) blocks.delete(id);
    },
  };
}
