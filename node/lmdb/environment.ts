/**
 * One LMDB environment for one node: opens a folder and groups writes into durable transactions.
 * Promises that what was given to `later` is durable before a following `commit` resolves, and is
 * written in the same transaction. A failed transaction ends all writing until the folder is opened anew:
 * nobody can tell any more what of it is on the disk.
 */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { open, type RootDatabase } from 'lmdb';
import { StoreFault } from '../../shared/ports/store-fault.ts';
import { checkDataFile } from './data-file.ts';
import { lockFolder } from './folder-lock.ts';
import { SealedTable } from './sealed-table.ts';

/** A write that need not be durable before the next commit. */
export interface LaterWrite {
  readonly bytes: number;
  /** Puts into tables, synchronously; answers LMDB-js's promises for them. */
  write(): Promise<unknown>;
  /** It is committed: reads of the tables see it. */
  written(): void;
}

export interface Environment {
  /** Opens a table; `versions` keeps a number beside each value for conditional writes. */
  table(name: string, options?: { readonly versions: boolean }): SealedTable;
  /** Takes a write along with the next commit; waits only where too much is waiting already. */
  later(write: LaterWrite): Promise<void>;
  /** Commits what is waiting together with the puts of `write`, durably; answers its answer. */
  commit<T>(write: () => Promise<T>): Promise<T>;
  /** Makes puts outside that order; answers their answer when they are durable. */
  putNow<T>(puts: () => Promise<T>): Promise<T>;
  /** Commits what is waiting, and closes. */
  close(): Promise<void>;
}

const MAP_BYTES = 64 * 1024 ** 3;

// What waits is in memory twice at the most: about one large block and its state.
const WAITING_BYTES_MAX = 8 * 1024 * 1024;

/**
 * Hears of what is no fault of one call alone: once that a write failed (from then on all do), and of each value
 * that is not what was written.
 */
export type OnStoreFault = (fault: StoreFault) => void;

/**
 * Opens the environment of a folder, which is made where it is missing. Throws an Error of one
 * sentence where the folder is in use, can't be written or holds a damaged file.
 */
export function openEnvironment(folder: string, onFault: OnStoreFault = () => {}): Environment {
  prepareFolder(folder);
  const unlock = lockFolder(folder);
  try {
    checkDataFile(folder);
    return environmentOf(openRoot(folder), unlock, onFault);
  } catch (error) {
    unlock();
    throw error;
  }
}

function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new Error(
      `The data folder ${folder} can't be used (${(cause as Error).message}); ` +
        'name a folder that this user may write.',
      { cause },
    );
  }
}

function openRoot(folder: string): RootDatabase<Uint8Array, Uint8Array> {
  try {
    return open<Uint8Array, Uint8Array>({
      path: folder,
      noSubdir: false,
      encoding: 'binary',
      keyEncoding: 'binary',
      maxDbs: 16,
      // Address space, not memory, and more is taken when it is used up. A smaller map is made anew each time that the
      // file outgrows it, beside the old one, which stays: twice the resident pages for the same data.
      mapSize: MAP_BYTES,
      // Plain LMDB commits: data synced, then the page that makes it valid, before a put resolves.
      overlappingSync: false,
    });
  } catch (cause) {
    throw new Error(
      `The store in ${folder} can't be opened (${(cause as Error).message}); if it stays so, move the ` +
        'folder away, and restore a backup ("fuqi restore") or start with an empty folder.',
      { cause },
    );
  }
}

function environmentOf(
  root: RootDatabase<Uint8Array, Uint8Array>,
  unlock: () => void,
  onFault: OnStoreFault,
): Environment {
  let waiting: LaterWrite[] = [];
  let waitingBytes = 0;
  let last: Promise<unknown> = Promise.resolve();
  let failure: StoreFault | undefined;
  let closing: Promise<void> | undefined;
  const underWay = new Set<Promise<unknown>>();

  async function transact<T>(write: () => Promise<T>): Promise<T> {
    assertWritable();
    const group = waiting;
    waiting = [];
    waitingBytes = 0;
    const together = async (): Promise<T> => {
      // LMDB-js puts the writes of one event turn into one transaction: all of them, or none.
      const puts = group.map((each) => each.write());
      const [answer] = await Promise.all([write(), root.committed, ...puts]);
      return answer;
    };
    const answer = await durable(together());
    for (const each of group) each.written();
    return answer;
  }

  /** The answer of puts; a failure of theirs is the end of all writing. */
  async function durable<T>(puts: Promise<T>): Promise<T> {
    try {
      return await puts;
    } catch (error) {
      // LMDB-js has a promise of its own for the turn, and one for the reason: both reject too.
      Promise.resolve(root.committed).catch(() => {});
      const why = (error as { commitError?: Promise<never> }).commitError ?? Promise.reject(error);
      const cause: unknown = await why.catch((reason: unknown) => reason);
      throw failed(cause);
    }
  }

  function failed(cause: unknown): StoreFault {
    if (failure) return failure;
    failure = new StoreFault(
      'unwritable',
      `The store could not be written (${(cause as Error).message}); ` +
        "check the disk's free space and health, then start again.",
      { cause },
    );
    onFault(failure);
    return failure;
  }

  function assertWritable(): void {
    if (!failure) return;
    const why = 'The store takes no more writes since one failed.';
    throw new StoreFault('unwritable', why, { cause: failure });
  }

  function assertOpen(): void {
    if (closing) throw new Error('The store is closed.');
  }

  // One at a time: were a record written while the body that it names fails, it would name nothing.
  function enqueue<T>(write: () => Promise<T>): Promise<T> {
    const result = last.then(() => transact(write));
    last = result.catch(() => {});
    return result;
  }

  async function close(): Promise<void> {
    try {
      await Promise.allSettled(underWay);
      // After a failure, which was told, nothing can follow.
      if (waiting.length > 0 && !failure) await enqueue(async () => {});
      await last;
    } finally {
      await root.close();
      unlock();
    }
  }

  return {
    table(name, { versions } = { versions: false }) {
      return new SealedTable(root, name, versions, onFault);
    },
    async later(write) {
      assertOpen();
      waiting.push(write);
      waitingBytes += write.bytes;
      if (waitingBytes > WAITING_BYTES_MAX) await enqueue(async () => {});
    },
    async commit(write) {
      assertOpen();
      return enqueue(write);
    },
    async putNow(puts) {
      assertOpen();
      assertWritable();
      const answer = durable(puts());
      underWay.add(answer);
      try {
        return await answer;
      } finally {
        underWay.delete(answer);
      }
    },
    close() {
      closing ??= close();
      return closing;
    },
  };
}
