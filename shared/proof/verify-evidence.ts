/**
 * Checks evidence of double signing offline, with nothing trusted but the ledger id: whose key it was in
 * that epoch follows from the genesis document and the hand-overs, as in a receipt.
 */
import { z } from 'zod';
import { type Digest, isDigest } from '../bytes/digest.ts';
import { EvidenceSchema, flawOf, offenceKind } from '../ledger/evidence.ts';
import { check } from './check.ts';
import { AnchorSchema, type Verdict, validatorsAfter, verdictOf } from './verify.ts';

const EvidenceProofSchema = AnchorSchema.pick({ genesis: true, handovers: true }).extend({
  format: z.literal('fuqi-evidence-1'),
  ledger: z.string().refine(isDigest, 'a digest: 64 lowercase hex digits'),
  evidence: EvidenceSchema,
});

/** What valid evidence proves: this member's key signed both statements for this round. */
export interface ProvenOffence {
  readonly member: string;
  readonly epoch: number;
  readonly round: number;
  readonly kind: 'vote' | 'timeout';
}

/** Checks an evidence file (parsed JSON) against the ledger id that the verifier trusts. */
export function verifyEvidenceProof(proof: unknown, trusted: Digest): Verdict<ProvenOffence> {
  return verdictOf(EvidenceProofSchema, proof, ({ ledger, evidence, genesis, handovers }) => {
    check(ledger === trusted, `the evidence is of ledger ${ledger}, not ${trusted}`);
    const { set } = validatorsAfter(genesis, handovers, trusted);
    const { member, epoch, round } = evidence;
    check(set.epoch === epoch, `hand-overs up to epoch ${set.epoch}, expected ${epoch}`);
    const validator = set.validators.find((entry) => entry.member === member);
    check(validator, `${member} was no validator of epoch ${epoch}`);
    const flaw = flawOf(trusted, evidence, validator.key);
    check(flaw === undefined, flaw!);
    return { member, epoch, round, kind: offenceKind(evidence) };
  });
}
