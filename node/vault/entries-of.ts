/** Entries of a vault's store under a prefix, page by page: also while some of them are removed. */
import {
  VAULT_CHANGES_MAX,
  type VaultEntry,
  type VaultStore,
} from '../../shared/ports/vault-store.ts';

/** All of them, or those after a name. */
export async function* entriesOf(
  store: VaultStore,
  prefix: string,
  from?: string,
): AsyncGenerator<VaultEntry> {
  let after = from || undefined;
  for (;;) {
    const range = {
      prefix,
      limit: VAULT_CHANGES_MAX,
      ...(after !== undefined && { after }),
    };
    const page = await store.list(range);
    yield* page;
    if (page.length < VAULT_CHANGES_MAX) return;
    after = page.at(-1)!.name;
  }
}
