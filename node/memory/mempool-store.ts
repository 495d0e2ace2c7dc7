/** The mempool store of a node that forgets everything when it ends: for tests and simulation. */
import type { Digest } from '../../shared/bytes/digest.ts';
import type { MempoolStore } from '../../shared/ports/mempool-store.ts';

/** A mempool store in memory, empty unless told. */
export function memoryMempoolStore(held = new Map<Digest, Uint8Array>()): MempoolStore {
  return {
    async add(entries) {
      for (const { id, bytes } of entries) if (!held.has(id)) held.set(id, new Uint8Array(bytes));
    },
    async remove(ids) {
      for (const id of ids) held.delete(id);
    },
    async list() {
      // Ids are hex, so the order of their characters is the order of their bytes.
      return [...held.keys()].sort().map((id) => ({ id, bytes: new Uint8Array(held.get(id)!) }));
    },
  };
}
