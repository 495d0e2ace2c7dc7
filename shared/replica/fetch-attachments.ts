/**
 * Brings the attachments that values in this node's vault name: from the values' owner, or another holder, part by part, until
 * all are here. What came stays, so whoever is interrupted goes on where it was.
 */
import type { Digest } from '../bytes/digest.ts';
import type { ValuesRecord } from '../contract/confidential-records.ts';
import type { Attachment } from '../ledger/attachment.ts';
import type { Rejected } from '../ledger/rejection.ts';
import { type Attached, DamagedAttachment, type Wanted } from '../ports/attachment-keeper.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import { dispute, readsByRole } from './disputes.ts';
import { holdersOf, unavailable } from './holders.ts';
import type { Replica } from './replica.ts';
import { ask } from './tell.ts';
import { type Progress, startUntilNothingLeft, type UnderWay } from './until-nothing-left.ts';
import { valuesRecord } from './values-record.ts';
import { isVaultHere } from './vault-place.ts';

const TOGETHER = 32;
const fetching: UnderWay = new WeakMap();

/** Fetches in the background what is wanted, until nothing is. A host that lives for one request is woken again. */
export function startFetchingAttachments(replica: Replica): void {
  const { keeper } = replica;
  if (!keeper) return;
  const faulted = (error: unknown) => replica.log('attachments-failed', { error: String(error) });
  startUntilNothingLeft(replica, fetching, () => fetchOnce(replica, keeper), faulted);
}

/** Tries all that is wanted once. */
async function fetchOnce(replica: Replica, keeper: ValueKeeper): Promise<Progress> {
  let [left, came] = [0, 0];
  if (!(await isVaultHere(replica, keeper))) return { left, came };
  let after: Wanted | undefined;
  for (;;) {
    const wanted = await keeper.attachments.wanted({ limit: TOGETHER, ...(after && { after }) });
    if (wanted.length === 0 || replica.stopped) return { left, came };
    // Its time may be up before this is through.
    if (!after && replica.lease) replica.wakeLater?.(againAfter(replica, wanted));
    after = wanted.at(-1);
    for (const attached of wanted) {
      if (await fetchAttachment(replica, keeper, attached)) came++;
      else left++;
    }
  }
}

const WAKE_MS = 15_000;
const WAKE_MS_MAX = 15 * 60_000;

/** Who remembers nothing doubles its waits by what it waits for. */
function againAfter({ ports }: Replica, wanted: readonly Wanted[]): number {
  const youngest = ports.time.now() - Math.max(...wanted.map(({ since }) => since));
  return Math.min(Math.max(youngest, WAKE_MS), WAKE_MS_MAX);
}

/** Fetches one from whoever gives it; answers whether it is here, or is wanted no more. */
export async function fetchAttachment(
  replica: Replica,
  keeper: ValueKeeper,
  attached: Attached,
): Promise<boolean> {
  const { transaction, attachment } = attached;
  const record = await valuesRecord(replica, transaction);
  // Not committed yet.
  if (!record) return false;
  const { attachments } = keeper;
  for (const holder of await holdersOf(replica, record)) {
    const missing = await attachments.missing(attached);
    for (const part of missing) {
      if (replica.stopped) return false;
      const sealed = await askForPart(replica, holder, transaction, attachment, part, null);
      if (!sealed) break;
      if (!(await attachments.take(attached, part, sealed))) return true;
    }
    if ((await attachments.missing(attached)).length > 0) continue;
    const outcome = await attachments.taken(attached, replica.ports.time.now());
    if (outcome !== 'others') {
      if (outcome === 'false') await disputeFalse(replica, attached, record);
      return true;
    }
    replica.log('attachment-not-fetched', { member: holder, transaction, why: 'other bytes' });
  }
  return false;
}

/** What its owner sealed is not the file that its value names. */
async function disputeFalse(
  replica: Replica,
  { transaction }: Attached,
  record: ValuesRecord,
): Promise<void> {
  replica.log('attachment-false', { transaction });
  if (await readsByRole(replica, record)) await dispute(replica, transaction, 'digest-mismatch');
}

async function askForPart(
  replica: Replica,
  holder: string,
  transaction: Digest,
  { sealed }: Attachment,
  part: number,
  grant: Digest | null,
): Promise<Uint8Array | undefined> {
  const reply = await ask(replica, holder, {
    ...{ kind: 'attachment', transaction, sealed, part, grant },
  });
  if (reply?.parts[0]) return reply.parts[0];
  const why = reply ? (reply.refusal ?? 'nothing in it') : 'no answer';
  replica.log('attachment-not-fetched', { member: holder, transaction, why });
  return undefined;
}

/** Reads a part of an attachment under a grant from whoever gives it. Nothing of it is kept. */
export async function readGrantedPart(
  replica: Replica,
  keeper: ValueKeeper,
  { transaction, attachment }: Attached,
  part: number,
  grant: Digest,
): Promise<Uint8Array | Rejected> {
  const record = await valuesRecord(replica, transaction);
  for (const holder of record ? await holdersOf(replica, record) : []) {
    const sealed = await askForPart(replica, holder, transaction, attachment, part, grant);
    if (!sealed) continue;
    try {
      return keeper.attachments.open(attachment, part, sealed);
    } catch (error) {
      if (!(error instanceof DamagedAttachment)) throw error;
      replica.log('attachment-not-fetched', { member: holder, transaction, why: 'other bytes' });
    }
  }
  return unavailable();
}
