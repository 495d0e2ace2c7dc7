/** The attachment store in LMDB: a table of parts. */
import { utf8 } from '../../shared/bytes/text.ts';
import { type AttachmentStore, partName } from '../../shared/ports/attachment-store.ts';
import type { Environment } from './environment.ts';

/** The attachment store of an open environment. */
export function lmdbAttachmentStore(environment: Environment): AttachmentStore {
  const table = environment.table('attachments');
  return {
    async put(name, part, bytes) {
      const key = utf8(partName(name, part));
      await environment.putNow(() => table.put(key, bytes));
    },
    async get(name, part) {
      return table.get(utf8(partName(name, part)));
    },
    async has(name, part) {
      return table.has(utf8(partName(name, part)));
    },
    async remove(name, count) {
      const keys = Array.from({ length: count }, (_, part) => utf8(partName(name, part)));
      await environment.putNow(() => Promise.all(keys.map((key) => table.remove(key))));
    },
  };
}
