/**
 * Whether this node has what its member reads by its roles, of each transaction that is final. What did not come in time is
 * asked for; where nobody gives it, or gives something else than was signed, the node disputes it on the ledger, by itself,
 * and settles that when it comes after all. What a member reads as a party that the values name, nobody can know it lacks.
 */
import type { Digest } from '../bytes/digest.ts';
import { toHex } from '../bytes/text.ts';
import { readsAlways } from '../contract/confidential.ts';
import { NODE_IDENTITY } from '../contract/system-records.ts';
import type { Block } from '../ledger/block.ts';
import { Rejected } from '../ledger/rejection.ts';
import { decodeTransaction } from '../ledger/transaction.ts';
import type { Wanted } from '../ports/attachment-keeper.ts';
import type { ValueKeeper } from '../ports/value-keeper.ts';
import { fetchValues } from './ask-values.ts';
import { dispute, readsByRole, settle } from './disputes.ts';
import { finalBlocks } from './history.ts';
import { attachmentsHere } from './read-attachment.ts';
import { contractNow, definitionNow, rolesOf } from './readers.ts';
import { nodeKeys, pause, type Replica } from './replica.ts';
import { valuesRecord } from './values-record.ts';

/** How often a node looks. */
const LOOK_MS = 10 * 60_000;
/** So long after they should be here values are disputed: their owner's node brings them again and again until then. */
const GRACE_MS = 10 * 60_000;
/** A function does so much at once. */
const BLOCKS_MAX = 512;
const LACKING_MAX = 100;
/** Between handfuls of blocks. */
const PAUSE_MS = 50;

/** Looks at the final blocks since the last time, where that is long enough ago. */
export async function checkDeliveries(
  replica: Replica,
  keeper: ValueKeeper,
  now: number,
): Promise<void> {
  // Who has no role reads as a party at the most.
  if ((await rolesOf(replica, replica.member)).length === 0) return;
  const head = replica.head.header.height!;
  const before = await keeper.deliveriesChecked();
  // A new vault: what came before is fetched when somebody asks for it.
  if (!before) return keeper.setDeliveriesChecked({ height: head, at: now });
  if (now - before.at < LOOK_MS) return;
  for (const id of await someLacking(keeper)) await askAgain(replica, keeper, id);
  await checkAttachments(replica, keeper, now);
  // Most members' roles read nothing hidden: no block has to be read for them.
  if (!(await readsAnything(replica)))
    return keeper.setDeliveriesChecked({ height: head, at: now });
  const to = replica.lease ? Math.min(head, before.height + BLOCKS_MAX) : head;
  const height = await checkBlocks(replica, keeper, before.height + 1, to, now);
  // Where blocks are left, it goes on when it is woken next.
  const at = height === to && to < head ? before.at : now;
  await keeper.setDeliveriesChecked({ height, at });
}

/** Whether a role of this member reads something of each call of some method that is in force. */
async function readsAnything(replica: Replica): Promise<boolean> {
  for (const full of await rolesOf(replica, replica.member)) {
    const [name = '', role = ''] = full.split('.');
    const contract = await contractNow(replica, name);
    const methods = Object.values(contract?.transactions ?? {});
    if (methods.some(({ input }) => readsAlways(input, role))) return true;
  }
  return false;
}

/** Answers up to which height everything that is due by now is here, or disputed. */
async function checkBlocks(
  replica: Replica,
  keeper: ValueKeeper,
  from: number,
  to: number,
  now: number,
): Promise<number> {
  const first = Math.max(from, replica.retained.bodies, 1);
  let checked = first - 1;
  for await (const blocks of finalBlocks(replica, first, to)) {
    for (const block of blocks) {
      if (replica.stopped || !(await checkBlock(replica, keeper, block, now))) return checked;
      checked = block.header.height!;
    }
    // Blocks of a quarter of an hour are many: the node has other things to do meanwhile.
    if (checked < to && !replica.lease) await pause(replica, PAUSE_MS);
  }
  return checked;
}

/** False where something is not here that may still come in time. */
async function checkBlock(
  replica: Replica,
  keeper: ValueKeeper,
  { header, transactions }: Block,
  now: number,
): Promise<boolean> {
  for (const bytes of transactions) {
    const missing = await missingOf(replica, keeper, bytes);
    if (!missing) continue;
    if (now < header.time + missing.withinMs + GRACE_MS) return false;
    await claim(replica, keeper, missing.id);
  }
  return true;
}

/** A transaction whose values should be here, or come within a time, and are not; undefined where nothing is missing. */
async function missingOf(
  replica: Replica,
  keeper: ValueKeeper,
  bytes: Uint8Array,
): Promise<{ readonly id: Digest; readonly withinMs: number } | undefined> {
  const transaction = decodeTransaction(bytes);
  if (transaction instanceof Rejected) return undefined;
  const { id, keyIds, body } = transaction;
  const definition = await definitionNow(replica, body.contract, body.method);
  const roles = await rolesOf(replica, replica.member);
  const own = roles.filter((role) => role.startsWith(`${body.contract}.`));
  const reads = own.some(
    (role) => definition && readsAlways(definition.input, role.slice(body.contract.length + 1)),
  );
  // What this node endorsed it had.
  if (!reads || keyIds.includes(nodeKeys(replica).keyId(NODE_IDENTITY)!)) return undefined;
  const record = await valuesRecord(replica, id);
  if (!record || record.erasedAt !== null || record.owner === replica.member) return undefined;
  if (await keeper.read(id)) return undefined;
  return { id, withinMs: definition!.deliverWithinMs ?? 0 };
}

/** Asks other holders, and disputes what none gives. */
async function claim(replica: Replica, keeper: ValueKeeper, id: Digest): Promise<void> {
  const fetched = await fetchValues(replica, id);
  if (fetched === 'kept') return;
  await keeper.setLacking(id, true);
  // Somebody has to have given it a field that can't be left out.
  await dispute(replica, id, fetched === 'none' ? 'refused' : fetched);
}

const ATTACHMENTS_TOGETHER = 32;

/** Disputes files that values here name and nobody gave, where it is no secret that this member reads those. */
async function checkAttachments(replica: Replica, keeper: ValueKeeper, now: number): Promise<void> {
  for (let after: Wanted | undefined; ; ) {
    const range = { limit: ATTACHMENTS_TOGETHER, ...(after && { after }) };
    const wanted = await keeper.attachments.wanted(range);
    for (const { transaction, since } of wanted) {
      if (now < since + GRACE_MS) continue;
      const record = await valuesRecord(replica, transaction);
      if (!record || !(await readsByRole(replica, record))) continue;
      await keeper.setLacking(transaction, true);
      await dispute(replica, transaction, 'not-delivered');
    }
    after = wanted.at(-1);
    if (wanted.length < ATTACHMENTS_TOGETHER || replica.stopped) return;
  }
}

/** So many of what is lacking, each time from another place on: nothing waits for ever behind what nobody gives. */
async function someLacking(keeper: ValueKeeper): Promise<ReadonlySet<Digest>> {
  const after = toHex(keeper.salt());
  const some = await keeper.lacking({ after, limit: LACKING_MAX });
  const limit = LACKING_MAX - some.length;
  return new Set(limit === 0 ? some : [...some, ...(await keeper.lacking({ limit }))]);
}

async function askAgain(replica: Replica, keeper: ValueKeeper, id: Digest): Promise<void> {
  const record = await valuesRecord(replica, id);
  const isErased = !record || record.erasedAt !== null;
  const isHere = await isWhole(replica, keeper, id);
  if (!isErased && !isHere) return;
  if (isHere) await settle(replica, id);
  await keeper.setLacking(id, false);
}

/** Whether values are here, by now, and all files that they name. */
async function isWhole(replica: Replica, keeper: ValueKeeper, id: Digest): Promise<boolean> {
  let kept = await keeper.read(id);
  if (!kept) {
    if ((await fetchValues(replica, id)) !== 'kept') return false;
    kept = await keeper.read(id);
  }
  if (!kept) return true;
  const { named, here } = await attachmentsHere(keeper, kept);
  return named === here;
}
