/**
 * Good proofs of every kind, made once by real replicas (`node test/fuzz/make-proofs.ts`; the receipts without a recovery are
 * those of `test/vectors`), and what the verifiers may say of any input: nothing but what these prove.
 */
import assert from 'node:assert/strict';
import type { Digest } from '../../shared/bytes/digest.ts';
import { type Verdict, verifyReceipt } from '../../shared/proof/verify.ts';
import { verifyEvidenceProof } from '../../shared/proof/verify-evidence.ts';
import { verifyStateProof } from '../../shared/proof/verify-state.ts';
import vectors from '../vectors/protocol.json' with { type: 'json' };
import made from './proofs.json' with { type: 'json' };

/** A proof as parsed JSON. */
export type Proof = { readonly format: string; readonly ledger: string };

export const PROOFS: readonly Proof[] = [
  ...Object.values(vectors.receipts),
  ...Object.values(vectors.stateProofs),
  ...made,
];

/** Ledgers whose ids a verifier trusts. */
export const LEDGERS = [...new Set(PROOFS.map(({ ledger }) => ledger))] as Digest[];

const VERIFIERS: readonly ((proof: unknown, trusted: Digest) => Verdict<object>)[] = [
  verifyReceipt,
  verifyStateProof,
  verifyEvidenceProof,
];

/** Keys that stand in one of the states. */
const PRESENT = new Set(
  PROOFS.flatMap((proof) =>
    'value' in proof && proof.value !== null ? [(proof as { key?: unknown }).key] : [],
  ),
);

/** What a valid proof proves, apart from who signed: any quorum will do. */
function factsOf(verdict: object): string {
  const isAbsence = 'key' in verdict && (verdict as { value?: unknown }).value === undefined;
  // The same path proves it of other keys too.
  if (isAbsence) assert.ok(!PRESENT.has(verdict.key), `absent, though it is there: ${verdict.key}`);
  return JSON.stringify({ ...verdict, ...(isAbsence && { key: 'absent' }) }, (name, value) => {
    if (name === 'signers' || name === 'members') return undefined;
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
  });
}

const KNOWN = new Set(
  PROOFS.flatMap((proof) => VERIFIERS.map((verify) => verify(proof, proof.ledger as Digest)))
    .filter(({ verdict }) => verdict === 'VALID')
    .map(factsOf),
);
assert.equal(KNOWN.size, PROOFS.length, 'every proof proves something else');

/** The engine's words for what a check should have said. */
const ACCIDENT =
  /is not (a function|iterable|defined|an object)|Cannot (read|set|convert|destructure|mix)|of undefined|call stack|Invalid (array|string|count|time)| is out of range/;

/** Checks anything as each kind of proof; answers how many verifiers found it valid. */
export function checkProof(input: unknown): number {
  let valid = 0;
  for (const ledger of LEDGERS) {
    for (const verify of VERIFIERS) {
      const verdict = verify(input, ledger);
      if (verdict.verdict === 'VALID') {
        assert.ok(
          KNOWN.has(factsOf(verdict)),
          `proven, but not so: ${factsOf(verdict).slice(0, 500)}`,
        );
        valid++;
      } else if (verdict.verdict === 'INVALID') {
        assert.ok(!ACCIDENT.test(verdict.reason), `an accident: ${verdict.reason}`);
      } else assert.ok(verdict.reason.length > 0);
    }
  }
  return valid;
}
