/** The head store in LMDB: one entry for each record, its version kept beside it by LMDB-js. */
import { utf8 } from '../../shared/bytes/text.ts';
import type { HeadStore } from '../../shared/ports/head-store.ts';
import type { Environment } from './environment.ts';

/** The head store of an open environment. */
export function lmdbHeadStore(environment: Environment): HeadStore {
  const table = environment.table('heads', { versions: true });
  return {
    async read(name) {
      // Through the queue of commits: a record is shown only when it is durable.
      const entry = await environment.commit(async () => {
        try {
          return table.getVersioned(utf8(name));
        } catch (error) {
          // A damaged value is no failed write.
          return error as Error;
        }
      });
      if (entry instanceof Error) throw entry;
      return entry && { version: entry.version, bytes: entry.value };
    },
    swap: (name, expected, { version, bytes }) =>
      environment.commit(() => table.swap(utf8(name), { value: bytes, version }, expected)),
  };
}
