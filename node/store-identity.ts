/**
 * The identity of a node's store, in a file outside the data folder: a folder that was emptied or
 * replaced shows by it. A node that lost its data may have voted, and must not contradict itself.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { UserError } from './user-error.ts';

/** Stands before an identity until its store exists: nothing was signed under it so far. */
const NEW = 'new ';

/**
 * Answers the identity of the store in a data folder, and makes one for a new store. `settle` is to
 * be called when the store holds it and before anything is signed, so that a first start which was
 * cut short can be done again. Throws a `UserError` where file and folder don't belong together.
 */
export function openStoreIdentity(
  file: string,
  { storeIsNew }: { readonly storeIsNew: boolean },
): { readonly identity: string; settle(): void } {
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined;
  if (text === undefined && !storeIsNew) {
    throw new UserError(
      `The store identity ${file} is missing, but the data folder holds a store: put the file of ` +
        'that store back.',
    );
  }
  if (text !== undefined && storeIsNew && !text.startsWith(NEW)) {
    throw new UserError(
      `The store identity ${file} exists, but the data folder is empty: a node that lost its data ` +
        'may have voted before. Put the folder back, or give the member a new node key by governance, ' +
        'remove the file, and let the node catch up.',
    );
  }
  const identity = text === undefined ? randomUUID() : text.replace(NEW, '');
  if (identity === '') throw new UserError(`The store identity ${file} is empty.`);
  if (text === undefined) replace(file, NEW + identity);
  return {
    identity,
    settle() {
      if (text !== identity) replace(file, identity);
    },
  };
}

function replace(file: string, text: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.draft`;
  writeFileSync(draft, `${text}\n`, { mode: 0o600, flush: true });
  renameSync(draft, file);
}
