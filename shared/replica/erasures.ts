/**
 * Erasures that the ledger holds, applied to this node's vault and confirmed on the ledger: when a block brings one, and
 * all that a vault from a backup lacks. Every member's node confirms, whether it had the values or not: so confirming
 * tells nobody who did.
 */

import { decodeCbor } from '../bytes/cbor.ts';
import type { Digest } from '../bytes/digest.ts';
import { type Backups, backupsKey, CONFIDENTIAL } from '../contract/confidential-records.ts';
import { type Layer, prefixRange } from '../execution/view.ts';
import { Rejected } from '../ledger/rejection.ts';
import { UPLOAD_MS } from '../ports/attachment-keeper.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import { checkDeliveries } from './check-deliveries.ts';
import { eraseDue } from './due-erasures.ts';
import { submitAsNode } from './node-call.ts';
import { Snapshot } from './query.ts';
import { memberRecord } from './readers.ts';
import { inBackground, pause, type Replica } from './replica.ts';
import { outcomeOf } from './values-record.ts';
import { isVaultHere } from './vault-place.ts';

const ERASURES = `${CONFIDENTIAL}/erasure/`;
const PAGE = 64;
/** Of a timed id. */
const TIME_DIGITS = 16;
const RETRY_MS = 5000;
const LOOK_MS = 15 * 60_000;

/** Whether a block's writes hold an erasure. */
export function holdsErasure(writes: Layer): boolean {
  for (const key of writes.keys()) if (key.startsWith(ERASURES)) return true;
  return false;
}

/** Has a replica look now for what its vault lacks. */
export function lookForErasures(replica: Replica): void {
  for (const listener of replica.erasureListeners) listener();
}

/**
 * Has a replica state how long backups are kept, apply the ledger's erasures as they come, ask for those that are due by a contract's rule, forget values of
 * transactions that came to nothing and files that no call named, and look for those that should have come.
 * A function that opens no vault leaves it to the one that does.
 */
export function followErasures(replica: Replica): void {
  const { keeper } = replica;
  if (!keeper) {
    replica.erasureListeners.add(() => replica.driveElsewhere?.());
    return;
  }
  let again = false;
  let running = false;
  let checking = false;
  // By itself: it may take minutes, and an erasure must not wait for it.
  const check = async (): Promise<void> => {
    checking = true;
    try {
      await checkDeliveries(replica, keeper, replica.ports.time.now());
    } catch (error) {
      if (!replica.stopped) replica.log('deliveries-not-checked', { error: String(error) });
    }
    checking = false;
  };
  const run = async (): Promise<void> => {
    running = true;
    do {
      again = false;
      try {
        if (!(await isVaultHere(replica, keeper))) break;
        await stateBackups(replica);
        await applyErasures(replica, keeper);
        await eraseDue(replica, keeper);
        await keeper.settle(replica.head.header.time, outcomeOf(replica));
        await keeper.attachments.sweep(replica.ports.time.now() - UPLOAD_MS);
        if (!checking) inBackground(replica, check());
      } catch (error) {
        if (replica.stopped) break;
        replica.log('erasure-failed', { error: String(error) });
        if (replica.lease) break;
        await pause(replica, RETRY_MS);
        again = true;
      }
    } while (again && !replica.stopped);
    running = false;
  };
  const start = (): void => {
    again = true;
    if (!running) inBackground(replica, run());
  };
  replica.erasureListeners.add(start);
  // Blocks may be rare. A host that lives for one request looks when it is woken.
  const lookAgain = (): void => {
    if (replica.stopped) return;
    start();
    replica.ports.time.after(LOOK_MS, lookAgain);
  };
  if (!replica.lease) replica.ports.time.after(LOOK_MS, lookAgain);
}

/** Applies what the vault lacks, in the order of the ledger; a crash repeats the last page. */
async function applyErasures(replica: Replica, keeper: ValueKeeper): Promise<void> {
  const upTo = await keeper.erasedUpTo();
  const range = prefixRange(ERASURES, PAGE);
  // Blocks may have one time: what another one brought then may stand before what was applied.
  let from = upTo === undefined ? range.from : `${ERASURES}${upTo.slice(0, TIME_DIGITS)}`;
  for (;;) {
    const snapshot = new Snapshot(replica, replica.head.header.height!);
    const entries = await snapshot.range({ ...range, from });
    for (const { key, value } of entries) {
      const erasure = key.slice(ERASURES.length);
      const { records } = decodeCbor(value) as unknown as { records: Digest[] };
      await keeper.erase(records);
      await confirm(replica, erasure);
      await keeper.setErasedUpTo(erasure);
      from = `${key}\0`;
    }
    if (entries.length < PAGE || replica.stopped) return;
  }
}

async function confirm(replica: Replica, erasure: string): Promise<void> {
  const key = `${CONFIDENTIAL}/confirmation/${erasure}/${replica.member}`;
  if (await replica.final.read(key)) return;
  const call = { contract: CONFIDENTIAL, method: 'confirmErasure', args: { erasure } };
  const outcome = await submitAsNode(replica, {
    ...call,
    nonce: erasure.slice(TIME_DIGITS + 1),
  });
  // The values are gone all the same.
  if (outcome instanceof Rejected) {
    replica.log('erasure-not-confirmed', { erasure, error: outcome.rejection.message });
  }
}

/** Says how long this member keeps backups, where the ledger has something else. */
async function stateBackups(replica: Replica): Promise<void> {
  const { backupDays: days, member } = replica;
  // Before a member belongs, the ledger knows no key of its node.
  if (days === undefined || !(await memberRecord(replica, member))?.active) return;
  const stored = await replica.final.read(backupsKey(member));
  const before = stored && (decodeCbor(stored) as unknown as Backups);
  if (before?.days === days) return;
  const call = { contract: CONFIDENTIAL, method: 'stateBackups', args: { days } };
  // The same statement until another one is on the ledger.
  const outcome = await submitAsNode(replica, {
    ...call,
    nonce: `backups-${days}-${before?.since ?? 0}`,
  });
  if (outcome instanceof Rejected) {
    replica.log('backups-not-stated', { error: outcome.rejection.message });
  }
}
