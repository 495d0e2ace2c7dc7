import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Digest } from '../../shared/bytes/digest.ts';
import { decodeRecord, encodeRecord } from '../../shared/consensus/record.ts';
import {
  adopt,
  currentRound,
  type Decision,
  decideProposal,
  decideTimeout,
  decideVote,
  emptyRecord,
  enterEpoch,
  type SafetyRecord,
} from '../../shared/consensus/safety.ts';
import type { ValidatorSet, VerifiedQc, VerifiedTc } from '../../shared/consensus/validators.ts';

const LEDGER = 'aa'.repeat(32) as Digest;
const block = (n: number): Digest => n.toString(16).padStart(64, '0') as Digest;
const qcOf = (round: number, n = round): VerifiedQc =>
  ({ epoch: 1, round, block: block(n), signatures: [] }) as unknown as VerifiedQc;
const tcOf = (round: number, ...highQcRounds: number[]): VerifiedTc =>
  ({
    epoch: 1,
    round,
    timeouts: highQcRounds.map((highQcRound, validator) => ({
      validator,
      highQcRound,
      signature: new Uint8Array(64),
    })),
  }) as unknown as VerifiedTc;
const set: ValidatorSet = { ledger: LEDGER, epoch: 1, tenureRounds: 4, validators: [] };
const empty = emptyRecord('store', 1, block(0));

const request = (round: number, qc: VerifiedQc, tc: VerifiedTc | null = null, n = round) => ({
  epoch: 1,
  round,
  block: block(n),
  qc,
  tc,
});

function signed(decision: Decision): SafetyRecord {
  assert.ok('sign' in decision, JSON.stringify(decision));
  return decision.record;
}

describe('the voting rule', () => {
  it('votes for a block of the round after its certificate, and sets votedRound', () => {
    const record = signed(decideVote(empty, LEDGER, request(1, qcOf(0))));
    assert.equal(record.votedRound, 1);
    assert.equal(currentRound(record), 1);
  });

  it('refuses a second vote at the same round, and one below it', () => {
    const record = signed(decideVote(empty, LEDGER, request(2, qcOf(1))));
    assert.ok('refuse' in decideVote(record, LEDGER, request(2, qcOf(1), null, 99)));
    assert.ok('refuse' in decideVote(record, LEDGER, request(1, qcOf(0))));
  });

  it('gives the stored vote again for the block last voted for, without a new record', () => {
    const record = signed(decideVote(empty, LEDGER, request(2, qcOf(1))));
    const again = decideVote(record, LEDGER, request(2, qcOf(1)));
    assert.ok('sign' in again);
    assert.equal(again.record, record);
    assert.deepEqual(again.sign, record.statement);
  });

  it('refuses a skipped round without a timeout certificate of the round before', () => {
    assert.ok('refuse' in decideVote(empty, LEDGER, request(5, qcOf(0))));
    assert.ok('refuse' in decideVote(empty, LEDGER, request(5, qcOf(0), tcOf(3, 0, 0, 0))));
    assert.ok('sign' in decideVote(empty, LEDGER, request(5, qcOf(0), tcOf(4, 0, 0, 0))));
  });

  it('refuses a block whose certificate is older than one that the timeout certificate reports', () => {
    assert.ok('refuse' in decideVote(empty, LEDGER, request(5, qcOf(1), tcOf(4, 1, 2, 0))));
    assert.ok('sign' in decideVote(empty, LEDGER, request(5, qcOf(2), tcOf(4, 1, 2, 0))));
  });

  it('refuses a block of another epoch', () => {
    const other = { ...request(1, qcOf(0)), epoch: 2 };
    assert.ok('refuse' in decideVote(empty, LEDGER, other));
  });

  it('never votes at or below a round that it timed out', () => {
    const record = signed(decideTimeout(empty, set));
    assert.equal(record.votedRound, 4);
    for (const round of [1, 2, 3, 4]) {
      assert.ok('refuse' in decideVote(record, LEDGER, request(round, qcOf(round - 1))));
    }
    assert.ok('sign' in decideVote(record, LEDGER, request(5, qcOf(0), tcOf(4, 0, 0, 0))));
  });

  it('times out the last round of the tenure, and gives the same timeout again', () => {
    const voted = signed(decideVote(empty, LEDGER, request(4, qcOf(3))));
    const record = signed(decideTimeout(voted, set));
    assert.deepEqual(record.statement, {
      kind: 'timeout',
      ledger: LEDGER,
      epoch: 1,
      round: 4,
      highQcRound: 3,
    });
    const later = adopt(record, null, null);
    const again = decideTimeout(later, set);
    assert.ok('sign' in again && again.record === later);
  });

  it('remembers the block that it proposed', () => {
    const record = signed(decideProposal(empty, LEDGER, request(1, qcOf(0))));
    assert.deepEqual(record.proposed, { round: 1, block: block(1) });
  });

  it('counts a timeout certificate only together with a certificate of the largest round in it', () => {
    assert.equal(adopt(empty, null, tcOf(4, 3, 0, 0)), empty);
    assert.equal(adopt(empty, qcOf(3), tcOf(4, 3, 0, 0)).highTc?.round, 4);
  });

  it('restarts its rounds in a new epoch, and never goes back to an old one', () => {
    const voted = signed(decideVote(empty, LEDGER, request(9, qcOf(8))));
    const next = enterEpoch(voted, 2, block(7));
    assert.deepEqual([next.epoch, next.votedRound, next.highQc.round], [2, 0, 0]);
    assert.equal(enterEpoch(next, 1, block(0)), next);
  });
});

type Step =
  | { kind: 'vote' | 'propose'; round: number; qc: number; tc: number | null; n: number }
  | { kind: 'timeout' }
  | { kind: 'certificates'; qc: number; tc: number | null };

const stepOf: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('vote' as const, 'propose' as const),
    round: fc.integer({ min: 1, max: 20 }),
    qc: fc.integer({ min: 0, max: 19 }),
    tc: fc.option(fc.integer({ min: 1, max: 19 })),
    n: fc.integer({ min: 1, max: 3 }),
  }),
  fc.constant({ kind: 'timeout' as const }),
  fc.record({
    kind: fc.constant('certificates' as const),
    qc: fc.integer({ min: 0, max: 19 }),
    tc: fc.option(fc.integer({ min: 1, max: 19 })),
  }),
);

describe('the safety record', () => {
  it('only moves forward, and never signs two votes a round or one it timed out', () => {
    fc.assert(
      fc.property(fc.array(stepOf, { maxLength: 60 }), (steps) => {
        let record = empty;
        const votes = new Map<number, Digest>();
        let timedOut = 0;
        for (const step of steps) {
          const before = record;
          const tc = 'tc' in step && step.tc !== null ? tcOf(step.tc, 0, 0, 0) : null;
          if (step.kind === 'certificates') record = adopt(record, qcOf(step.qc), tc);
          else {
            const decision =
              step.kind === 'timeout'
                ? decideTimeout(record, set)
                : (step.kind === 'vote' ? decideVote : decideProposal)(
                    record,
                    LEDGER,
                    request(step.round, qcOf(step.qc), tc, step.round * 10 + step.n),
                  );
            if ('refuse' in decision) continue;
            record = decision.record;
            assert.deepEqual(record.statement, decision.sign);
            if (decision.sign.kind === 'vote') {
              const { round } = decision.sign;
              assert.ok(round > timedOut || votes.get(round) === decision.sign.block);
              assert.equal(votes.get(round) ?? decision.sign.block, decision.sign.block);
              votes.set(round, decision.sign.block);
            } else timedOut = Math.max(timedOut, decision.sign.round);
          }
          assert.ok(record.votedRound >= before.votedRound);
          assert.ok(record.highQc.round >= before.highQc.round);
          assert.ok((record.highTc?.round ?? 0) >= (before.highTc?.round ?? 0));
          assert.deepEqual(decodeRecord(encodeRecord(record)), record);
        }
      }),
      { numRuns: 500 },
    );
  });
});
