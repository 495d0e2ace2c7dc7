/**
 * Takes over the vault of the node that this node's member leaves. First it copies all that is there, while the other one works
 * with it. Then it has the other one stop that, copies what changed until nothing does, and says that it may have the vote. Once
 * it has, it copies once more: a node of several processes has stopped in all of them by then; one that can't be reached any more,
 * behind the relay for instance, was closed before. Then it registers its own vault key, and others encrypt to it from then on.
 * May be interrupted anywhere and done again.
 */
import { equalBytes } from '../bytes/text.ts';
import {
  decodeReply,
  encodeRequest,
  type Reply,
  type Request,
  VAULT_NAMES_MAX,
} from '../consensus/message.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import type { VaultListing } from '../ports/vault-move.ts';
import { pause, type Replica } from './replica.ts';
import { decodePage, type VaultPage } from './serve-vault.ts';
import { type Saying, standingOf } from './tell.ts';
import { type Progress, startUntilNothingLeft, type UnderWay } from './until-nothing-left.ts';
import { isVaultHere, registeredVaultKey, VAULT_CLOSED_MS, vaultPlace } from './vault-place.ts';

/** What the host knows and does. */
export interface TakingVault {
  /** Whether the members have approved that this node becomes their member's. */
  isAwaited(): Promise<boolean>;
  /** Whether it can say now, by itself, that it may have the vote. */
  mayAnnounce(): Promise<boolean>;
  /** The vault is copied: nothing stands in the way of saying so. */
  onCopied(): void;
  /** Registers this vault's key in the place of the one of this thumbprint; false where it could not. */
  register(keyId: string): Promise<boolean>;
  /** The vault is here, and is worked with from now on. */
  onHere(): void;
}

const taking: UnderWay = new WeakMap();
/** Vaults that lack nothing for their node to have the vote. */
const copied = new WeakSet<ValueKeeper>();
/** Until when the other node surely does not work with the vault that was copied. */
const closedUntil = new WeakMap<ValueKeeper, number>();

/** Of the two minutes that the other node keeps to (`VAULT_CLOSED_MS`). */
const CLOSED_MS = VAULT_CLOSED_MS - 30_000;
const AGAIN_MS = 1000;
/** What was on its way in the other node when it was told to stop has come after so long. */
const UNDER_WAY_MS = 1000;
const PASSES_MAX = 5;

/** Whether there is nothing that this node would have to copy before it may have the vote. */
export async function isVaultCopied(replica: Replica): Promise<boolean> {
  const { keeper } = replica;
  return !keeper || copied.has(keeper) || isVaultHere(replica, keeper);
}

/** Begins, or goes on, in the background, where there is anything to take over. */
export function startTakingVault(replica: Replica, host: TakingVault): void {
  const { keeper } = replica;
  if (!keeper) return;
  const faulted = (error: unknown): Progress => {
    replica.log('vault-not-taken', { error: String(error) });
    return AGAIN;
  };
  // Nobody else begins it again where something failed.
  const once = () => takeOnce(replica, keeper, host).catch(faulted);
  startUntilNothingLeft(replica, taking, once, faulted);
}

const DONE: Progress = { left: 0, came: 0 };
const AGAIN: Progress = { left: 1, came: 0 };

async function takeOnce(
  replica: Replica,
  keeper: ValueKeeper,
  host: TakingVault,
): Promise<Progress> {
  const place = await vaultPlace(replica, keeper);
  if (place === 'here') return DONE;
  // A function's time may be up before this is through.
  const goesOn = (): void => {
    if (replica.lease) replica.wakeLater?.(AGAIN_MS);
  };
  if (place === 'elsewhere') {
    if (copied.has(keeper) || !(await host.isAwaited())) return DONE;
    goesOn();
    if (!(await copyAhead(replica, keeper, host))) return AGAIN;
    copied.add(keeper);
    host.onCopied();
    return DONE;
  }
  goesOn();
  // Whoever is out of reach by now was closed a moment ago.
  const wasClosed = replica.ports.time.now() < (closedUntil.get(keeper) ?? 0);
  if (!(await copyClosed(replica, keeper)) && !wasClosed) return AGAIN;
  if (!(await host.register((await registeredVaultKey(replica))!))) return AGAIN;
  if (!(await isVaultHere(replica, keeper))) return { left: 1, came: 1 };
  replica.log('vault-taken-over');
  host.onHere();
  return DONE;
}

/** Copies before this node has the vote; in the end closed, where it can have it at once then. */
async function copyAhead(
  replica: Replica,
  keeper: ValueKeeper,
  host: TakingVault,
): Promise<boolean> {
  const registered = await registeredVaultKey(replica);
  // A member that had no vault before.
  if (registered === undefined || keeper.opens(registered)) return true;
  if (!(await copyOnce(replica, keeper, false))) return false;
  return (await host.mayAnnounce()) ? copyClosed(replica, keeper) : true;
}

/** Has the other node work with the vault no more, and copies until nothing changes. */
async function copyClosed(replica: Replica, keeper: ValueKeeper): Promise<boolean> {
  if (!(await copyOnce(replica, keeper, true))) return false;
  for (let pass = 1; pass < PASSES_MAX; pass++) {
    await pause(replica, UNDER_WAY_MS);
    const closedAt = replica.ports.time.now();
    const again = await copyOnce(replica, keeper, true);
    if (!again) return false;
    if (!again.isClosed || again.count > 0) continue;
    closedUntil.set(keeper, closedAt + CLOSED_MS);
    return true;
  }
  return false;
}

/** One pass over all that the other node has: how much was copied. Undefined where it did not give it. */
async function copyOnce(
  replica: Replica,
  keeper: ValueKeeper,
  closing: boolean,
): Promise<{ readonly count: number; readonly isClosed: boolean } | undefined> {
  const { move } = keeper;
  let count = 0;
  let isClosed = true;
  for (let after: string | undefined; ; ) {
    const list = { kind: 'vault-entries', after: after ?? null, names: [], closing } as const;
    const page = await ask(replica, list);
    const theirs = page && pageOf(replica, page);
    if (!theirs) return undefined;
    if (keeper.opens(theirs.keyId)) {
      replica.log('vault-not-given', {
        why: 'what answers at the other node’s address is this one',
      });
      return undefined;
    }
    isClosed &&= theirs.isClosed;
    const to = theirs.entries.at(-1)?.name;
    const ours = await listedBetween(keeper, after, theirs.isLast ? undefined : to);
    const names = new Set(theirs.entries.map(({ name }) => name));
    const extra = [...ours.keys()].filter((name) => !names.has(name));
    const lacking = theirs.entries.filter(({ name, tag }) => !isSame(ours.get(name), tag));
    const given = lacking.map(({ name }) => name);
    if (!(await takeEntries(replica, keeper, given, closing))) return undefined;
    await move.drop(extra);
    count += given.length + extra.length;
    if (theirs.isLast) break;
    after = to;
  }
  for await (const part of move.lackingParts()) {
    if (replica.stopped) return undefined;
    const reply = await ask(replica, { kind: 'vault-part', ...part });
    if (!reply) return undefined;
    // Of a file that is still being sent not all is there.
    if (!reply.parts[0]) continue;
    await move.putPart(part, reply.parts[0]);
    count++;
  }
  replica.log('vault-copied', { entries: count, closing });
  return { count, isClosed };
}

function pageOf(replica: Replica, { parts: [page] }: Reply): VaultPage | undefined {
  try {
    return decodePage(page);
  } catch (error) {
    replica.log('vault-not-given', { why: String(error) });
    return undefined;
  }
}

/** What is here between two names, the second one included; up to the end where there is none. */
async function listedBetween(
  { move }: ValueKeeper,
  from: string | undefined,
  to: string | undefined,
): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (let after = from; ; ) {
    const page: readonly VaultListing[] = await move.listed(after, VAULT_NAMES_MAX);
    for (const { name, tag } of page) {
      if (to !== undefined && name > to) return found;
      found.set(name, tag);
    }
    if (page.length < VAULT_NAMES_MAX) return found;
    after = page.at(-1)!.name;
  }
}

const isSame = (ours: Uint8Array | undefined, theirs: Uint8Array): boolean =>
  ours !== undefined && equalBytes(ours, theirs);

/** Asks for entries until all are taken; false where the other node gives them no more. */
async function takeEntries(
  replica: Replica,
  { move }: ValueKeeper,
  names: readonly string[],
  closing: boolean,
): Promise<boolean> {
  for (let left = names; left.length > 0; ) {
    if (replica.stopped) return false;
    const some = left.slice(0, VAULT_NAMES_MAX);
    const asked = { kind: 'vault-entries', after: null, names: some, closing } as const;
    const reply = await ask(replica, asked);
    if (!reply?.parts[0]) return false;
    const taken = await move.take(reply.parts[0]);
    if (taken.some((name, index) => name !== some[index])) {
      replica.log('vault-not-given', { why: 'other entries than were asked for' });
      return false;
    }
    left = left.slice(taken.length);
  }
  return true;
}

/**
 * Asks the other node of this member; undefined where it did not answer, or refused. Nothing is learnt from its standing, and it
 * is not missed (`tell.ts`): it is no other member's.
 */
async function ask(replica: Replica, saying: Saying): Promise<Reply | undefined> {
  const { member, ports } = replica;
  const request = { ...saying, standing: standingOf(replica) } as Request;
  try {
    const reply = decodeReply(await ports.peers.request(member, encodeRequest(request)));
    if (reply.refusal === null || reply.refusal === 'not-held') return reply;
    replica.log('vault-not-given', { why: reply.refusal });
  } catch (error) {
    replica.log('vault-not-given', { why: String(error) });
  }
  return undefined;
}
