/**
 * The mempool store in LMDB: transactions by the 32 bytes of their ids. Removals ride along with
 * the next commit; until then they are kept apart, so that no late removal undoes a newer addition.
 */
import type { Digest } from '../../shared/bytes/digest.ts';
import { fromHex, toHex } from '../../shared/bytes/text.ts';
import type { MempoolStore } from '../../shared/ports/mempool-store.ts';
import type { Environment } from './environment.ts';
import { Removals } from './removals.ts';

/** The mempool store of an open environment. */
export function lmdbMempoolStore(environment: Environment): MempoolStore {
  const table = environment.table('mempool');
  const removals = new Removals<Digest>(environment, table, fromHex);
  return {
    async add(entries) {
      // Outside the queue of commits: the additions of many clients share a transaction this way.
      await environment.putNow(() =>
        Promise.all(
          entries.map(({ id, bytes }) => {
            removals.cancel(id);
            const key = fromHex(id);
            return table.putNew(key, bytes);
          }),
        ),
      );
    },
    remove: (ids) => removals.remove(ids),
    async list() {
      const held: { id: Digest; bytes: Uint8Array }[] = [];
      for (const { key, value } of table.entries()) {
        const id = toHex(key) as Digest;
        if (!removals.has(id)) held.push({ id, bytes: value });
      }
      return held;
    },
  };
}
