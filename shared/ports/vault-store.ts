/**
 * What a member's vault rests in: entries by name, whose contents are sealed before they come here.
 *
 * The law:
 * - When `write` resolves, all its changes are durable; after a crash at any moment all of them are there, or none.
 *   No name stands twice in one write. Removing an absent entry succeeds.
 * - `swap` puts an entry in the place of exactly what `before` says (null: of nothing), and answers whether it did. Of
 *   several at the same time one wins; one at the same time as a removal brings nothing back.
 * - `get` and `list` answer what was written last.
 * - A removed entry is in nothing that the store reads any more.
 * - `list` answers entries whose names start with `prefix` and come after `after`, in the order of the names, at the
 *   most `limit`.
 * - Names are `/`-separated parts of `[A-Za-z0-9._-]`, at most 200 characters: they tell nothing that an entry keeps
 *   from whoever reads the store.
 */
export interface VaultEntry {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** One entry put in the place of what was there, or removed (null). */
export interface VaultChange {
  readonly name: string;
  readonly bytes: Uint8Array | null;
}

export interface VaultRange {
  readonly prefix: string;
  readonly after?: string;
  readonly limit: number;
}

export interface VaultStore {
  write(changes: readonly VaultChange[]): Promise<void>;
  swap(entry: VaultEntry, before: Uint8Array | null): Promise<boolean>;
  get(name: string): Promise<Uint8Array | undefined>;
  list(range: VaultRange): Promise<VaultEntry[]>;
}

/** Bytes of one entry: fits one item of a table with its name. */
export const VAULT_ENTRY_BYTES_MAX = 384 * 1024;
/** Changes of one write, and their bytes: what DynamoDB takes in a transaction. */
export const VAULT_CHANGES_MAX = 100;
export const VAULT_WRITE_BYTES_MAX = 3 * 1024 * 1024;

const NAME = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/;
const NAME_LENGTH_MAX = 200;

/** Throws where a write breaks the law: a fault of whoever calls. */
export function checkVaultWrite(changes: readonly VaultChange[]): void {
  if (changes.length > VAULT_CHANGES_MAX) throw new Error(`${changes.length} changes of a vault`);
  if (new Set(changes.map(({ name }) => name)).size < changes.length) {
    throw new Error('two changes of one entry of a vault');
  }
  let sum = 0;
  for (const { name, bytes } of changes) {
    if (!NAME.test(name) || name.length > NAME_LENGTH_MAX) throw new Error('a name of no entry');
    const length = bytes?.length ?? 0;
    if (length > VAULT_ENTRY_BYTES_MAX) throw new Error(`an entry of ${length} bytes in a vault`);
    sum += length;
  }
  if (sum > VAULT_WRITE_BYTES_MAX) throw new Error(`${sum} bytes in one write of a vault`);
}
