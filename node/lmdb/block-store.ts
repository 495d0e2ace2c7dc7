/** The block store in LMDB: blocks by the 32 bytes of their ids, written and removed along with the next swap. */
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromHex } from '../../shared/bytes/text.ts';
import type { BlockStore } from '../../shared/ports/block-store.ts';
import type { Environment } from './environment.ts';
import { Removals } from './removals.ts';
import type { Sealed } from './sealed-table.ts';

/** The block store of an open environment. */
export function lmdbBlockStore(environment: Environment): BlockStore {
  const table = environment.table('blocks');
  const waiting = new Map<Digest, Sealed>();
  const removals = new Removals<Digest>(environment, table, fromHex);
  return {
    async put(id, bytes) {
      const key = fromHex(id);
      // One whose removal is under way is not there any more, whatever the table says yet.
      const leaving = removals.cancel(id);
      if (!leaving && (waiting.has(id) || table.has(key))) return;
      const sealed = table.seal(key, bytes);
      waiting.set(id, sealed);
      await environment.later({
        bytes: bytes.length,
        write: () => table.put(key, sealed),
        written: () => {
          if (waiting.get(id) === sealed) waiting.delete(id);
        },
      });
    },
    async get(id) {
      if (removals.has(id)) return undefined;
      const sealed = waiting.get(id);
      return sealed ? new Uint8Array(sealed.value) : table.get(fromHex(id));
    },
    remove: (ids) => removals.remove(ids),
  };
}
