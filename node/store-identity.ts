/**
 * The identity of a node's store, in a file outside the data folder: a folder that was emptied, put
 * back from a copy or belongs to another node shows by it. Such a store has forgotten what the node
 * signed since, so it gets a new identity, under which the replica asks the others before it signs.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeRecord } from '../shared/consensus/record.ts';
import type { HeadStore } from '../shared/ports/head-store.ts';
import { type KnownDigests, type KnownVersions, readMark, recordDigest } from './store-mark.ts';
import { UserError } from './user-error.ts';

/** What a data folder holds, as far as it tells where it comes from. */
export interface FoundStore extends KnownVersions, KnownDigests {
  /** The store that its safety record was made for; undefined where there is no record. */
  readonly store: string | undefined;
}

/**
 * What stands before an identity until its store was opened under it. `new`: the store is to be made.
 * `restored`: nothing may be signed before the others were asked. `accepted`: the same, and the operator
 * of a ledger with one validator accepts what is lost.
 */
export type Pending = 'new' | 'restored' | 'accepted';

export interface StoreIdentity {
  readonly identity: string;
  /** Why the store counts as restored; undefined where it is the one that was left here. */
  readonly restored: string | undefined;
  readonly acceptLoss: boolean;
  /** To be called before the replica is opened: a start that is cut short does not forget its reason. */
  claim(): void;
  /** To be called when the store holds the identity, and before anything is signed. */
  settle(): void;
}

/** Looks at what a data folder's head store holds. */
export async function inspectStore(heads: HeadStore): Promise<FoundStore> {
  const [head, safety] = [await heads.read('head'), await heads.read('safety')];
  return {
    head: head?.version ?? 0,
    safety: safety?.version ?? 0,
    headDigest: recordDigest(head?.bytes),
    safetyDigest: recordDigest(safety?.bytes),
    store: safety && decodeRecord(safety.bytes).store,
  };
}

/** Answers the identity of the store that was found, a new one where it is new or was restored. */
export function openStoreIdentity(
  file: string,
  found: FoundStore,
  declaredRestored = false,
): StoreIdentity {
  const known = readIdentity(file);
  const restored = whyRestored(file, known, found, declaredRestored);
  const isKept = known && (!restored || known.pending !== undefined);
  const identity = isKept ? known.identity : randomUUID();
  const pending: Pending | undefined = restored
    ? known?.pending === 'accepted'
      ? 'accepted'
      : 'restored'
    : known
      ? known.pending
      : 'new';
  return {
    identity,
    restored,
    acceptLoss: pending === 'accepted',
    claim() {
      if (pending) writeIdentity(file, identity, pending);
    },
    settle() {
      if (pending) writeIdentity(file, identity);
    },
  };
}

/** Replaces the identity in the file. */
export function writeIdentity(file: string, identity: string, pending?: Pending): void {
  mkdirSync(path.dirname(file), { recursive: true });
  const draft = `${file}.draft`;
  const text = pending ? `${pending} ${identity}\n` : `${identity}\n`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  renameSync(draft, file);
}

interface KnownIdentity {
  readonly identity: string;
  readonly pending: Pending | undefined;
}

function readIdentity(file: string): KnownIdentity | undefined {
  if (!existsSync(file)) return undefined;
  const text = readFileSync(file, 'utf8').trim();
  const found = /^(?:(new|restored|accepted) )?([0-9A-Za-z-]+)$/.exec(text);
  if (found) return { identity: found[2]!, pending: found[1] as Pending | undefined };
  throw new UserError(
    `The store identity ${file} is ${text === '' ? 'empty' : 'damaged'}: remove it, and the node asks ` +
      'the others before it signs again.',
  );
}

function whyRestored(
  file: string,
  known: KnownIdentity | undefined,
  found: FoundStore,
  declared: boolean,
): string | undefined {
  const isEmpty = found.head === 0;
  if (declared) return 'it was started with --restored';
  if (known?.pending === 'restored' || known?.pending === 'accepted') return 'it was restored';
  if (!known) return isEmpty ? undefined : `its identity ${file} is missing`;
  if (isEmpty) return known.pending === 'new' ? undefined : 'its data folder was lost or emptied';
  if (found.store === undefined) return 'its safety record is missing';
  if (found.store !== known.identity) return 'its data folder belongs to another store identity';
  const mark = readMark(file);
  if (mark?.identity !== known.identity) return undefined;
  if (found.safety >= mark.safety && found.head >= mark.head) {
    refuseOthers(mark, found);
    return undefined;
  }
  return `its data folder is an older copy (safety record ${found.safety}, seen ${mark.safety})`;
}

/** Records that nobody but somebody else can have written. */
function refuseOthers(mark: NonNullable<ReturnType<typeof readMark>>, found: FoundStore): void {
  for (const name of ['safety', 'head'] as const) {
    const isOther =
      found[name] === mark[name]
        ? found[`${name}Digest`] !== mark[`${name}Digest`]
        : // It can be further than it was seen last, but not than it was left.
          mark.ended;
    if (!isOther) continue;
    throw new UserError(
      `The store was tampered with: its ${name} record (version ${found[name]}) is not the one that its node left ` +
        `(version ${mark[name]}). Move the data folder away, and restore a backup ("fuqi restore") or start with an ` +
        'empty folder: the node asks the others before it signs.',
    );
  }
}
