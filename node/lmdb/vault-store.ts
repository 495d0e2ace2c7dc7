/** The vault store in LMDB: a table by name. */
import { fromUtf8, utf8 } from '../../shared/bytes/text.ts';
import {
  checkVaultWrite,
  type VaultEntry,
  type VaultStore,
} from '../../shared/ports/vault-store.ts';
import type { Environment } from './environment.ts';

/** The vault store of an open environment. */
export function lmdbVaultStore(environment: Environment): VaultStore {
  const table = environment.table('vault');
  return {
    async write(changes) {
      checkVaultWrite(changes);
      if (changes.length === 0) return;
      // Puts of one turn of the event loop are one transaction.
      await environment.putNow(() =>
        Promise.all(
          changes.map(({ name, bytes }) =>
            bytes ? table.put(utf8(name), bytes) : table.remove(utf8(name)),
          ),
        ),
      );
    },
    async swap({ name, bytes }, before) {
      checkVaultWrite([{ name, bytes }]);
      return environment.putNow(() => table.putInPlaceOf(utf8(name), before, bytes));
    },
    async get(name) {
      return table.get(utf8(name));
    },
    async list({ prefix, after = '', limit }) {
      const found: VaultEntry[] = [];
      const seek = table.seeker();
      // No name holds a NUL: nothing lies between a name and that name with one.
      let from = after > prefix ? `${after}\0` : prefix || '\0';
      while (found.length < limit) {
        const entry = seek(utf8(from));
        const name = entry && fromUtf8(entry.key)!;
        if (!name?.startsWith(prefix)) break;
        found.push({ name, bytes: entry!.value });
        from = `${name}\0`;
      }
      return found;
    },
  };
}
