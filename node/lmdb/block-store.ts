/** The block store in LMDB: blocks by the 32 bytes of their ids, written and removed along with the next swap. */
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromHex } from '../../shared/bytes/text.ts';
import type { BlockStore } from '../../shared/ports/block-store.ts';
import type { Environment } from './environment.ts';
import { Removals } from './removals.ts';

/** The block store of an open environment. */
export function lmdbBlockStore(environment: Environment): BlockStore {
  const table = environment.table('blocks');
  const waiting = new Map<Digest, Uint8Array>();
  const removals = new Removals<Digest>(environment, table, fromHex);
  return {
    async put(id, bytes) {
      const key = fromHex(id);
      // One whose removal is under way is not there any more, whatever the table says yet.
      const leaving = removals.cancel(id);
      if (!leaving && (waiting.has(id) || table.doesExist(key))) return;
      const copy = new Uint8Array(bytes);
      waiting.set(id, copy);
      await environment.later({
        bytes: copy.length,
        write: () => table.put(key, copy),
        written: () => {
          if (waiting.get(id) === copy) waiting.delete(id);
        },
      });
    },
    async get(id) {
      if (removals.has(id)) return undefined;
      const bytes = waiting.get(id);
      return bytes ? new Uint8Array(bytes) : table.get(fromHex(id));
    },
    remove: (ids) => removals.remove(ids),
  };
}
