/**
 * A node whose store was restored from a backup: it follows and answers reads, and signs nothing until
 * enough other validators have told it what they signed. It asks on start, with back-off, and whoever
 * speaks to it; an idle ledger falls silent again.
 */
import { type Attestation, liftRestored, verifyAttestation } from '../consensus/restored.ts';
import { save } from './act.ts';
import { checkQc, checkTc } from './chain.ts';
import { inBackground, otherValidators, ownIndex, type Recovery, type Replica } from './replica.ts';
import { ask } from './tell.ts';

/** Without anything to commit the others are asked this often; later on, whoever speaks is asked. */
const ASKED_IDLE_MAX = 10;

/** Nothing was asked in this epoch so far. */
export const noRecovery = (epoch: number): Recovery => ({
  epoch,
  attestations: new Map(),
  underWay: new Set(),
  asked: 0,
  askedAt: 0,
});

/** Whether this node has to ask before it may sign. */
export const isRecovering = (replica: Replica): boolean =>
  replica.record.floor === null && ownIndex(replica) >= 0;

/** Whether it asks again although there is nothing to commit. */
export const isAsking = (replica: Replica): boolean =>
  isRecovering(replica) &&
  otherValidators(replica).length > 0 &&
  recoveryOf(replica).asked < ASKED_IDLE_MAX;

/** Asks all who have not answered yet. Never throws. */
export async function askForAttestations(replica: Replica): Promise<void> {
  if (!isRecovering(replica)) return;
  const recovery = recoveryOf(replica);
  recovery.asked++;
  recovery.askedAt = replica.ports.time.now();
  await Promise.all(otherValidators(replica).map((member) => askOne(replica, member)));
}

/**
 * Somebody spoke to this node, so the ledger is not idle: those who have not answered are asked, at once
 * where the speaker is one of them, and as seldom as the alarm rings otherwise.
 */
export function heardFrom(replica: Replica, member: string): void {
  if (!isRecovering(replica)) return;
  const { attestations, askedAt } = recoveryOf(replica);
  const isNews = otherValidators(replica).includes(member) && !attestations.has(member);
  const since = Math.abs(replica.ports.time.now() - askedAt);
  if (!isNews && since < replica.epoch.parameters.timeoutMsMax) return;
  inBackground(replica, askForAttestations(replica));
}

function recoveryOf(replica: Replica): Recovery {
  const { epoch } = replica.epoch.set;
  if (replica.recovery.epoch !== epoch) replica.recovery = noRecovery(epoch);
  return replica.recovery;
}

async function askOne(replica: Replica, member: string): Promise<void> {
  const { attestations, underWay, epoch } = recoveryOf(replica);
  if (attestations.has(member) || underWay.has(member)) return;
  underWay.add(member);
  try {
    const reply = await ask(replica, member, { kind: 'attest', store: replica.store });
    if (reply?.refusal) replica.log('attestation-refused', { member, reason: reply.refusal });
    const { attestation } = reply ?? {};
    if (attestation) await replica.lock.run(() => count(replica, member, attestation));
  } catch (error) {
    replica.log('attestation-failed', { member, error: String(error) });
  } finally {
    underWay.delete(member);
  }
  // The answer may have led into a later epoch, whose validators are asked for that one.
  if (isRecovering(replica) && recoveryOf(replica).epoch !== epoch) {
    await askForAttestations(replica);
  }
}

/** Counts an answer; with enough of them this node signs again, above their floor. Under the lock. */
async function count(replica: Replica, member: string, attestation: Attestation): Promise<void> {
  const { set } = replica.epoch;
  // One of another epoch comes again once both nodes are in the same.
  if (attestation.epoch !== set.epoch || !isRecovering(replica)) return;
  const qc = checkQc(replica, attestation.qc);
  const tc = attestation.tc ? checkTc(replica, attestation.tc) : null;
  const asker = { member: replica.member, store: replica.store };
  const verified =
    qc && tc !== undefined ? verifyAttestation(set, member, asker, attestation, qc, tc) : undefined;
  if (!verified) {
    replica.log('attestation-false', { member, votedRound: attestation.votedRound });
    return;
  }
  const { attestations } = recoveryOf(replica);
  attestations.set(member, verified);
  while (isRecovering(replica)) {
    const lifted = liftRestored(replica.record, set, attestations.values());
    if (!lifted) return;
    if (!(await save(replica, lifted))) continue;
    replica.log('restored-node-signs-again', { epoch: set.epoch, above: lifted.floor });
  }
}
