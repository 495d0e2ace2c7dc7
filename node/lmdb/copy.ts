/** Copies an LMDB environment that another process may be writing to: one snapshot, read-only. */
import { open } from 'lmdb';
import { checkDataFile } from './data-file.ts';

/**
 * Writes one consistent snapshot of the environment in `from` as `data.mdb` into the folder `to`. Takes
 * no lock of the folder: LMDB's own table of readers keeps the writer from reusing what is being read.
 */
export async function copyEnvironment(from: string, to: string): Promise<void> {
  checkDataFile(from);
  const root = open({ path: from, noSubdir: false, readOnly: true, maxDbs: 8 });
  try {
    // Compacted: free pages are left out, and the copy is in the order of its keys.
    await root.backup(to, true);
  } finally {
    await root.close();
  }
}
