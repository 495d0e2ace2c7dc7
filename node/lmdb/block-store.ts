/** The block store in LMDB: blocks by the 32 bytes of their ids, written along with the next swap. */
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromHex } from '../../shared/bytes/text.ts';
import type { BlockStore } from '../../shared/ports/block-store.ts';
import type { Environment } from './environment.ts';

/** The block store of an open environment. */
export function lmdbBlockStore(environment: Environment): BlockStore {
  const table = environment.table('blocks');
  const waiting = new Map<Digest, Uint8Array>();
  return {
    async put(id, bytes) {
      const key = fromHex(id);
      if (waiting.has(id) || table.doesExist(key)) return;
      const copy = new Uint8Array(bytes);
      waiting.set(id, copy);
      await environment.later({
        bytes: copy.length,
        write: () => table.put(key, copy),
        written: () => waiting.delete(id),
      });
    },
    async get(id) {
      const bytes = waiting.get(id);
      return bytes ? new Uint8Array(bytes) : table.getBinary(fromHex(id));
    },
  };
}
