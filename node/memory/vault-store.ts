/** The vault store of a node that forgets everything when it ends: for tests and simulation. */
import { equalBytes } from '../../shared/bytes/text.ts';
import { checkVaultWrite, type VaultStore } from '../../shared/ports/vault-store.ts';

/** A vault store in memory, empty unless told. */
export function memoryVaultStore(entries = new Map<string, Uint8Array>()): VaultStore {
  return {
    async write(changes) {
      checkVaultWrite(changes);
      for (const { name, bytes } of changes) {
        if (bytes) entries.set(name, new Uint8Array(bytes));
        else entries.delete(name);
      }
    },
    async swap({ name, bytes }, before) {
      checkVaultWrite([{ name, bytes }]);
      const found = entries.get(name);
      if (before ? !found || !equalBytes(found, before) : found) return false;
      entries.set(name, new Uint8Array(bytes));
      return true;
    },
    async get(name) {
      const bytes = entries.get(name);
      return bytes && new Uint8Array(bytes);
    },
    async list({ prefix, after = '', limit }) {
      return [...entries.keys()]
        .filter((name) => name.startsWith(prefix) && name > after)
        .sort()
        .slice(0, limit)
        .map((name) => ({ name, bytes: new Uint8Array(entries.get(name)!) }));
    },
  };
}
