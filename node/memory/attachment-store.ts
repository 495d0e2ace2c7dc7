/** The attachment store of a node that forgets everything when it ends: for tests and simulation. */
import { type AttachmentStore, partName } from '../../shared/ports/attachment-store.ts';

/** An attachment store in memory, empty unless told. */
export function memoryAttachmentStore(parts = new Map<string, Uint8Array>()): AttachmentStore {
  return {
    async put(name, part, bytes) {
      parts.set(partName(name, part), new Uint8Array(bytes));
    },
    async get(name, part) {
      const bytes = parts.get(partName(name, part));
      return bytes && new Uint8Array(bytes);
    },
    async has(name, part) {
      return parts.has(partName(name, part));
    },
    async remove(name, count) {
      for (let part = 0; part < count; part++) parts.delete(partName(name, part));
    },
  };
}
