/**
 * A node reports what it noticed of double signing: a transaction of the contract `evidence`, signed by
 * the node's peer key, which the ledger knows as its member's identity `node`. The consensus key signs
 * statements only.
 */
import { decodeCbor } from '../bytes/cbor.ts';
import { validatorIndex } from '../consensus/validators.ts';
import { type ContractRecord, effectiveContract, SYSTEM_KEYS } from '../contract/system-records.ts';
import { type Evidence, offenceId } from '../ledger/evidence.ts';
import { Rejected } from '../ledger/rejection.ts';
import { submitAsNode } from './node-call.ts';
import { inBackground, ownIndex, pause, type Replica } from './replica.ts';

/** Nodes that wait for each other, at the most. */
const TURNS_MAX = 5;

/**
 * Has a replica report what it notices. A node that can't report says so in its log, with the evidence for a person
 * to report.
 */
export function reportEvidence(replica: Replica): void {
  replica.evidenceListeners.add((evidence) => {
    const reported = reportInTurn(replica, evidence).catch((error: unknown) =>
      replica.log('evidence-not-reported', { id: offenceId(evidence), error: String(error) }),
    );
    inBackground(replica, reported);
  });
}

/** Many may notice the same: they take turns, so that one report is the rule. */
async function reportInTurn(replica: Replica, evidence: Evidence): Promise<void> {
  const wait = turnOf(replica, evidence) * replica.epoch.parameters.baseTimeoutMs;
  if (wait > 0) await pause(replica, wait);
  await report(replica, evidence);
}

/** The validator after the offender goes first. */
function turnOf(replica: Replica, { member }: Evidence): number {
  const { set } = replica.epoch;
  const n = set.validators.length;
  const own = ownIndex(replica);
  if (own < 0) return TURNS_MAX;
  return Math.min(TURNS_MAX, (own - validatorIndex(set, member) - 1 + n) % n);
}

async function report(replica: Replica, evidence: Evidence): Promise<void> {
  const id = offenceId(evidence);
  if (replica.stopped || !(await isWanted(replica, id))) return;
  // The id as nonce: reporting again, after a crash say, is the same transaction.
  const call = { contract: 'evidence', method: 'report', args: evidence, nonce: id };
  const outcome = await submitAsNode(replica, call);
  if (outcome instanceof Rejected) {
    replica.log('evidence-not-reported', { id, error: outcome.rejection.message });
  } else replica.log('evidence-reported', { id, transaction: outcome.id });
}

/** Whether the ledger keeps evidence, and lacks this. */
async function isWanted(replica: Replica, id: string): Promise<boolean> {
  const stored = await replica.final.read(SYSTEM_KEYS.contract('evidence'));
  const record = stored ? (decodeCbor(stored) as unknown as ContractRecord) : undefined;
  if (!effectiveContract(record, replica.epoch.set.epoch)) return false;
  return !(await replica.final.read(SYSTEM_KEYS.offence(id)));
}
