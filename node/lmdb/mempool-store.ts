/**
 * The mempool store in LMDB: transactions by the 32 bytes of their ids. Removals ride along with
 * the next commit; until then they are kept apart, so that no late removal undoes a newer addition.
 */
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromHex, toHex } from '../../shared/bytes/text.ts';
import type { MempoolStore } from '../../shared/ports/mempool-store.ts';
import type { Environment } from './environment.ts';

/** The mempool store of an open environment. */
export function lmdbMempoolStore(environment: Environment): MempoolStore {
  const table = environment.table('mempool');
  const removed = new Set<Digest>();
  return {
    async add(entries) {
      // Outside the queue of commits: the additions of many clients share a transaction this way.
      await environment.putNow(() =>
        Promise.all(
          entries.map(({ id, bytes }) => {
            removed.delete(id);
            const key = fromHex(id);
            return table.ifNoExists(key, () => table.put(key, bytes));
          }),
        ),
      );
    },
    async remove(ids) {
      if (ids.length === 0) return;
      for (const id of ids) removed.add(id);
      await environment.later({
        bytes: 0,
        write: () =>
          Promise.all(ids.filter((id) => removed.has(id)).map((id) => table.remove(fromHex(id)))),
        written: () => {
          for (const id of ids) removed.delete(id);
        },
      });
    },
    async list() {
      const held: { id: Digest; bytes: Uint8Array }[] = [];
      for (const { key, value } of table.getRange({})) {
        const id = toHex(key) as Digest;
        if (!removed.has(id)) held.push({ id, bytes: value });
      }
      return held;
    },
  };
}
