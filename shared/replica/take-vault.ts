/**
 * Takes over the vault of the node that this node's member leaves. Before this node says that it may have the vote, it has
 * copied all that is there. Once it votes, it tells the other one, which then works with the vault no more, and copies what
 * changed until nothing does; then it registers its own vault key: from then on others encrypt to it, and it works with the
 * vault. May be interrupted anywhere and done again.
 */
import { equalBytes } from '../bytes/text.ts';
import { decodeReply, encodeRequest, type Reply, VAULT_NAMES_MAX } from '../consensus/message.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import type { VaultListing } from '../ports/vault-move.ts';
import type { Replica } from './replica.ts';
import { decodePage, type VaultPage } from './serve-vault.ts';
import { type Saying, standingOf } from './tell.ts';
import { type Progress, startUntilNothingLeft, type UnderWay } from './until-nothing-left.ts';
import { registeredVaultKey, vaultPlace } from './vault-place.ts';

/** What the host knows and does. */
export interface TakingVault {
  /** Whether the members have approved that this node becomes their member's. */
  isAwaited(): Promise<boolean>;
  /** All has been copied once, and this node does not vote yet. */
  onCopied(): void;
  /** Registers this vault's key in the place of the one of this thumbprint; false where it could not. */
  register(keyId: string): Promise<boolean>;
  /** The vault is here, and is worked with from now on. */
  onHere(): void;
}

const taking: UnderWay = new WeakMap();
const copied = new WeakSet<Replica>();
const AGAIN_MS = 1000;

/** Whether there is nothing that this node would have to copy before it may have the vote. */
export async function isVaultCopied(replica: Replica): Promise<boolean> {
  const { keeper } = replica;
  return !keeper || copied.has(replica) || (await vaultPlace(replica, keeper)) === 'here';
}

/** Begins, or goes on, in the background, where there is anything to take over. */
export function startTakingVault(replica: Replica, host: TakingVault): void {
  const { keeper } = replica;
  if (!keeper) return;
  const faulted = (error: unknown) => replica.log('vault-not-taken', { error: String(error) });
  startUntilNothingLeft(replica, taking, () => takeOnce(replica, keeper, host), faulted);
}

const DONE: Progress = { left: 0, came: 0 };

async function takeOnce(
  replica: Replica,
  keeper: ValueKeeper,
  host: TakingVault,
): Promise<Progress> {
  const place = await vaultPlace(replica, keeper);
  if (place === 'here') return DONE;
  if (place === 'elsewhere' && (copied.has(replica) || !(await host.isAwaited()))) return DONE;
  const registered = await registeredVaultKey(replica);
  // A member that had no vault before.
  if (registered === undefined || keeper.opens(registered)) {
    copied.add(replica);
    host.onCopied();
    return DONE;
  }
  // A function's time may be up before this is through.
  if (replica.lease) replica.wakeLater?.(AGAIN_MS);
  const pass = await copyOnce(replica, keeper, place === 'coming');
  if (!pass) return { left: 1, came: 0 };
  const { count, isLeft } = pass;
  replica.log('vault-copied', { entries: count, place });
  if (place === 'elsewhere') {
    copied.add(replica);
    host.onCopied();
    return DONE;
  }
  // What was on its way there when it heard of it may have come after this pass looked.
  if (!isLeft || count > 0) return { left: 1, came: 1 };
  if (!(await host.register(registered))) return { left: 1, came: 0 };
  if ((await vaultPlace(replica, keeper)) !== 'here') return { left: 1, came: 1 };
  replica.log('vault-taken-over');
  host.onHere();
  return DONE;
}

/** One pass over all that the other node has; undefined where it did not give it. */
async function copyOnce(
  replica: Replica,
  keeper: ValueKeeper,
  inForce: boolean,
): Promise<{ readonly count: number; readonly isLeft: boolean } | undefined> {
  const { move } = keeper;
  let count = 0;
  let isLeft = true;
  for (let after: string | undefined; ; ) {
    const list = { kind: 'vault-entries', after: after ?? null, names: [], inForce } as const;
    const page = await ask(replica, list);
    const theirs = page && pageOf(replica, page);
    if (!theirs) return undefined;
    isLeft &&= theirs.isLeft;
    const to = theirs.entries.at(-1)?.name;
    const ours = await listedBetween(keeper, after, theirs.isLast ? undefined : to);
    const names = new Set(theirs.entries.map(({ name }) => name));
    const extra = [...ours.keys()].filter((name) => !names.has(name));
    const lacking = theirs.entries.filter(({ name, tag }) => !isSame(ours.get(name), tag));
    const given = lacking.map(({ name }) => name);
    if (!(await takeEntries(replica, keeper, given, inForce))) return undefined;
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
  return { count, isLeft };
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
  inForce: boolean,
): Promise<boolean> {
  for (let left = names; left.length > 0; ) {
    if (replica.stopped) return false;
    const some = left.slice(0, VAULT_NAMES_MAX);
    const asked = { kind: 'vault-entries', after: null, names: some, inForce } as const;
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

/** Asks the other node of this member; undefined where it did not answer, or refused. */
async function ask(replica: Replica, saying: Saying): Promise<Reply | undefined> {
  const { member, ports } = replica;
  const request = { ...saying, standing: standingOf(replica) } as Parameters<
    typeof encodeRequest
  >[0];
  try {
    const reply = decodeReply(await ports.peers.request(member, encodeRequest(request)));
    if (reply.refusal === null || reply.refusal === 'not-held') return reply;
    replica.log('vault-not-given', { why: reply.refusal });
  } catch (error) {
    replica.log('vault-not-given', { why: String(error) });
  }
  return undefined;
}
