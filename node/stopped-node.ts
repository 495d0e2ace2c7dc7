/** The stores of a node that is stopped, as commands for its operator use them. */
import { type LmdbStores, lmdbStores } from './lmdb/stores.ts';
import type { NodeFiles } from './node-files.ts';
import { UserError } from './user-error.ts';

/** Uses the stores of a node that must not run; a fault becomes one sentence. */
export async function withStores<T>(
  { data }: NodeFiles,
  use: (stores: LmdbStores) => Promise<T>,
): Promise<T> {
  let stores: LmdbStores;
  try {
    stores = lmdbStores(data);
  } catch (error) {
    throw new UserError(`The node has to be stopped first: ${(error as Error).message}`);
  }
  try {
    return await use(stores);
  } catch (error) {
    throw error instanceof UserError ? error : new UserError((error as Error).message);
  } finally {
    await stores.close();
  }
}
