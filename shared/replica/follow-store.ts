/**
 * Follows what other invocations of the same node made durable: their head, their record, their blocks.
 * It reads what they wrote and writes nothing again. What is at hand is moved along, so that a replica
 * that stayed in memory need not be opened anew.
 */
import type { Digest } from '../bytes/digest.ts';
import { decodeRecord } from '../consensus/record.ts';
import type { VersionedRecord } from '../ports/head-store.ts';
import { takeRecord } from './act.ts';
import { settleAlarm } from './alarm.ts';
import { adoptCertificates, checkQc } from './chain.ts';
import { dropOthers, settle } from './commit.ts';
import { decodeHead } from './head.ts';
import { finalityItem } from './history.ts';
import { pointOf, type Replica, Superseded, uncommitted } from './replica.ts';
import { insertChain } from './restore.ts';

/** Further than this a new replica is opened: it reads less. */
const BLOCKS_MAX = 16;

/**
 * Brings a replica up to its store. Throws `Superseded` where a new one has to be opened: over an epoch's
 * end, after a snapshot, or far behind. Under the lock.
 */
export async function followStore(replica: Replica): Promise<void> {
  const { heads } = replica.ports;
  const [head, safety] = await Promise.all([heads.read('head'), heads.read('safety')]);
  if (!head || !safety) throw new Error('a record has disappeared from its store');
  if (safety.version === replica.record.version) return followTo(replica, head, new Map());
  const record = decodeRecord(safety.bytes);
  const { statement, highQc } = record;
  const voted = statement?.kind === 'vote' ? [statement.block] : [];
  const bodies = fetchBodies(replica, [decodeHead(head.bytes).id, highQc.block, ...voted]);
  await followTo(replica, head, bodies);
  for (const id of [highQc.block, ...voted]) await insertWithoutCommits(replica, id, bodies);
  // What it makes final is committed with what comes next.
  takeRecord(replica, record);
  settleAlarm(replica, false);
}

type Bodies = ReadonlyMap<Digest, Promise<Uint8Array | undefined>>;

/** Begins to fetch the bodies of blocks that are not at hand, side by side. */
function fetchBodies(replica: Replica, ids: readonly Digest[]): Bodies {
  const missing = new Set(ids.filter((id) => !pointOf(replica, id)));
  const bodies = new Map([...missing].map((id) => [id, replica.ports.blocks.get(id)]));
  // Whoever needs one hears of its failure.
  for (const body of bodies.values()) body.catch(() => {});
  return bodies;
}

/**
 * The same where it is worth a try: what can't be followed is caught up with, or opened anew. Answers
 * whether it is level with its store. Never throws.
 */
export async function tryFollowStore(replica: Replica): Promise<boolean> {
  // Alone with its store, a replica knows all of it.
  if (!replica.lease) return true;
  if (replica.stopped) return false;
  try {
    await replica.lock.run(() => followStore(replica));
    return true;
  } catch (error) {
    replica.log('store-not-followed', { error: String(error) });
    return false;
  }
}

/** Inserts stored blocks; whether they are final, the store's own head says first. */
async function insertWithoutCommits(replica: Replica, last: Digest, bodies: Bodies): Promise<void> {
  const { deferCommits } = replica;
  replica.deferCommits = true;
  try {
    await insertChain(replica, last, bodies);
  } finally {
    replica.deferCommits = deferCommits;
  }
}

/** Brings a replica up to its store's head only. Under the lock. */
export async function followHead(replica: Replica): Promise<void> {
  const head = await replica.ports.heads.read('head');
  if (!head) throw new Error('the head record has disappeared from its store');
  await followTo(replica, head, new Map());
}

async function followTo(replica: Replica, stored: VersionedRecord, bodies: Bodies): Promise<void> {
  if (stored.version === replica.headVersion) return;
  const { id, header, epoch, snapshot } = decodeHead(stored.bytes);
  const ahead = header.height! - replica.head.header.height!;
  if (epoch !== replica.epoch.set.epoch || ahead < 0 || ahead > BLOCKS_MAX) {
    throw new Superseded(replica);
  }
  // The same state under other names: pages that this replica would make at hand are not in the store.
  if (snapshot !== replica.snapshot) throw new Superseded(replica);
  if (ahead > 0) {
    await insertWithoutCommits(replica, id, bodies);
    const last = replica.pending.get(id);
    if (!last) throw new Superseded(replica);
    const final = uncommitted(replica, id).reverse();
    const { tree, history, next, leaders } = last;
    replica.head = { id, header: last.header, tree, history, next, leaders };
    for (const block of final) settle(replica, block);
    await dropOthers(replica);
    for (const { header } of final) {
      for (const listener of replica.commitListeners) listener(header.height!);
    }
  } else if (id !== replica.head.id) throw new Superseded(replica);
  replica.headVersion = stored.version;
  if (header.height === 0) return;
  // What made it final: the record need not say it yet.
  const { qc } = await finalityItem(replica, header.height!);
  await insertWithoutCommits(replica, qc.block, bodies);
  const checked = checkQc(replica, qc);
  if (checked) await adoptCertificates(replica, checked, null);
}
