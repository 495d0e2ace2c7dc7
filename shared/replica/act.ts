/**
 * THE loop: decide on the record, save, sign. It is the only place where a consensus statement is signed.
 *
 *   decide ─ a crash here: nothing happened.
 *   save   ─ a crash here: the record says what may have been signed; deciding again gives the same statement.
 *            The block's body is saved side by side with it: nothing is signed before both are durable.
 *   sign   ─ a crash here: a signature may exist; it is for the saved statement and no other.
 *   send   ─ (the caller) a crash here: the other side may have it; it may be sent again.
 */
import { decodeRecord, encodeRecord } from '../consensus/record.ts';
import {
  type Asker,
  type Attestation,
  attestationDigest,
  decideAttestation,
} from '../consensus/restored.ts';
import { adopt, type Decision, enterEpoch, type SafetyRecord } from '../consensus/safety.ts';
import { type Statement, statementDigest } from '../ledger/certificate.ts';
import { followStore } from './follow-store.ts';
import { ownIndex, pointOf, type Replica, Superseded } from './replica.ts';

/** A signed statement, or why none was signed. */
export type Signed =
  | { readonly statement: Statement; readonly signature: Uint8Array }
  | { readonly refuse: string };

// After a lost compare-and-swap somebody else of this node moved on; more than a few in a row is a fault.
const ATTEMPTS_MAX = 8;

/**
 * Decides, saves and signs, once the body of what it signs is durable too. Throws a fault of the store or
 * the signer; calling again is safe.
 */
export async function act(
  replica: Replica,
  decide: (record: SafetyRecord) => Decision,
  body: Promise<void> = Promise.resolve(),
): Promise<Signed> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const decision = decide(replica.record);
    if ('refuse' in decision) return decision;
    const saved = decision.record === replica.record || (await save(replica, decision.record));
    if (!saved) continue;
    await body;
    const { sign: statement } = decision;
    const { key } = replica.epoch.set.validators[ownIndex(replica)]!;
    const signature = await replica.ports.signer.sign(statementDigest(statement), key);
    return { statement, signature };
  }
  throw new Error(`the safety record was changed by others ${ATTEMPTS_MAX} times in a row`);
}

/**
 * Makes certificates durable that came without a statement of one's own: a function that only heard
 * of them would forget them, and wait for the same round for ever. Under the lock.
 */
export async function saveNews(replica: Replica): Promise<void> {
  if (replica.record !== replica.durableRecord) await save(replica, replica.record);
}

/** Signs what the stored record says was signed so far; not under the lock. An attestation binds to nothing. */
export async function attest(
  replica: Replica,
  asker: Asker,
): Promise<Attestation | { readonly refuse: string }> {
  let record = await storedRecord(replica);
  if (record.epoch < replica.record.epoch) {
    // Entering an epoch is saved with the first statement in it, and this is one.
    await replica.lock.run(() => save(replica, replica.record));
    record = await storedRecord(replica);
  }
  const says = decideAttestation(record);
  if ('refuse' in says) return says;
  const { key } = replica.epoch.set.validators[ownIndex(replica)]!;
  const digest = attestationDigest(replica.ledger, asker, says);
  return { ...says, signature: await replica.ports.signer.sign(digest, key) };
}

/** The record as it is stored: another invocation of this node may have signed since this one last read. */
async function storedRecord({ ports }: Replica): Promise<SafetyRecord> {
  const stored = await ports.heads.read('safety');
  if (!stored) throw new Error('the safety record has disappeared from its store');
  return decodeRecord(stored.bytes);
}

/** Replaces the stored record; answers false, with the newer record read, where it was another's turn. */
export async function save(replica: Replica, next: SafetyRecord): Promise<boolean> {
  const { heads } = replica.ports;
  const expected = replica.record.version;
  const saved: SafetyRecord = { ...next, version: expected + 1 };
  const record = { version: saved.version, bytes: encodeRecord(saved) };
  if (await heads.swap('safety', expected, record)) {
    replica.record = saved;
    replica.durableRecord = saved;
    return true;
  }
  if (replica.lease) await followStore(replica);
  else takeRecord(replica, await storedRecord(replica));
  return false;
}

/**
 * Goes on from the record that another invocation of this node stored. Throws where this replica can't: it
 * lacks a block that the other one has, which is as much as a newer head.
 */
export function takeRecord(replica: Replica, found: SafetyRecord): void {
  const known = replica.record;
  const { head, epochStart } = replica;
  const lastRound = head.id === epochStart ? head.header.round : 0;
  // One that was saved before the head moved over the epoch's end, by a call whose reply was lost.
  const stored = enterEpoch(found, known.epoch, epochStart, lastRound);
  const newer = adopt(stored, known.highQc, known.highTc);
  if (newer.epoch !== known.epoch || !pointOf(replica, newer.highQc.block)) {
    throw new Superseded(replica);
  }
  replica.record = newer;
  replica.durableRecord = null;
}
