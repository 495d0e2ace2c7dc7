/**
 * Restored safety records: the rules one by one, then whole groups of records under an adversary who
 * proposes, delivers, lies and restores old copies at will.
 */
import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { decodeRecord, encodeRecord } from '../../shared/consensus/record.ts';
import {
  acceptLoss,
  attestationDigest,
  attestationsNeeded,
  decideAttestation,
  liftRestored,
  markRestored,
  type VerifiedAttestation,
  verifyAttestation,
} from '../../shared/consensus/restored.ts';
import {
  adopt,
  decideProposal,
  decideTimeout,
  decideVote,
  emptyRecord,
  enterEpoch,
  type SafetyRecord,
} from '../../shared/consensus/safety.ts';
import type { ValidatorSet, VerifiedQc, VerifiedTc } from '../../shared/consensus/validators.ts';
import { highestQcRound } from '../../shared/ledger/certificate.ts';
import { type TestKey, testKey } from '../support/local-network.ts';
import { RestoredGroup } from './restored-group.ts';

const LEDGER = 'aa'.repeat(32) as Digest;
const TENURE = 4;
const block = (n: number): Digest => n.toString(16).padStart(64, '0') as Digest;
const keys = ['alpha', 'beta', 'gamma', 'delta'].map((member) => ({ member, ...testKey() }));
const setOf = (n: number): ValidatorSet => ({
  ledger: LEDGER,
  epoch: 1,
  tenureRounds: TENURE,
  validators: keys.slice(0, n).map(({ member, jwk }) => ({ member, key: jwk })),
});
const qcOf = (round: number): VerifiedQc =>
  ({ epoch: 1, round, block: block(round), signatures: [] }) as unknown as VerifiedQc;
const tcOf = (round: number, highQcRound: number): VerifiedTc =>
  ({
    epoch: 1,
    round,
    timeouts: [{ validator: 0, highQcRound, signature: new Uint8Array(64) }],
  }) as unknown as VerifiedTc;
const request = (round: number, tc: VerifiedTc | null = null) => ({
  epoch: 1,
  round,
  block: block(round),
  qc: qcOf(tc ? highestQcRound(tc) : round - 1),
  tc,
});
const attestation = (member: string, votedRound: number, epoch = 1): VerifiedAttestation =>
  ({ member, epoch, votedRound }) as VerifiedAttestation;

const empty = emptyRecord('old store', 1, block(0));
function voted(round: number): SafetyRecord {
  const decision = decideVote(empty, LEDGER, request(round));
  assert.ok('sign' in decision);
  return decision.record;
}

describe('a restored record', () => {
  it('signs nothing at all, and says so in its bytes', () => {
    const record = decodeRecord(encodeRecord(markRestored(voted(3), 'new store')));
    assert.equal(record.store, 'new store');
    assert.equal(record.floor, null);
    for (const round of [3, 4, 100]) {
      assert.ok('refuse' in decideVote(record, LEDGER, request(round)));
      assert.ok('refuse' in decideProposal(record, LEDGER, request(round)));
    }
    assert.ok('refuse' in decideTimeout(record, setOf(4)));
    assert.ok('refuse' in decideTimeout(adopt(record, qcOf(50), null), setOf(4)));
    assert.ok('refuse' in decideAttestation(record), 'nor does it answer others');
  });

  it('signs above the highest answer plus one tenure once a quorum of others has answered', () => {
    const restored = markRestored(voted(3), 'new store');
    const answers = [attestation('beta', 9), attestation('gamma', 12), attestation('delta', 11)];
    assert.equal(liftRestored(restored, setOf(4), answers.slice(0, 2)), undefined);
    const twice = [...answers.slice(0, 2), attestation('gamma', 5)];
    assert.equal(liftRestored(restored, setOf(4), twice), undefined, 'each counts once');
    const otherEpoch = [...answers.slice(0, 2), attestation('delta', 11, 2)];
    assert.equal(liftRestored(restored, setOf(4), otherEpoch), undefined);
    const lifted = liftRestored(restored, setOf(4), answers)!;
    assert.equal(lifted.floor, 12 + TENURE);
    for (const round of [4, 13, 16]) {
      assert.ok('refuse' in decideVote(lifted, LEDGER, request(round)));
    }
    assert.ok('sign' in decideVote(lifted, LEDGER, request(17)));
    assert.ok('refuse' in decideTimeout(adopt(lifted, qcOf(15), null), setOf(4)));
    const past = adopt(lifted, qcOf(16), null);
    assert.ok('sign' in decideTimeout(past, setOf(4)));
    assert.ok('refuse' in decideAttestation(lifted), 'it answers when it is past its floor');
    const attested = decideAttestation(past);
    assert.ok('votedRound' in attested && attested.votedRound === 16);
  });

  it('needs a quorum of others, or all of them where they are fewer', () => {
    assert.deepEqual([2, 3, 4, 5, 6, 7, 10].map(attestationsNeeded), [1, 2, 3, 4, 4, 5, 7]);
  });

  it('of a sole validator is silent until its operator accepts the loss', () => {
    const restored = markRestored(voted(3), 'new store');
    assert.equal(liftRestored(restored, setOf(1), []), undefined);
    assert.equal(acceptLoss(restored, setOf(4)), restored, 'where others can be asked they are');
    assert.ok('sign' in decideVote(acceptLoss(restored, setOf(1)), LEDGER, request(4)));
  });

  it('of one of two validators times out below its floor, and votes above it only', () => {
    const lifted = liftRestored(markRestored(voted(3), 'new'), setOf(2), [attestation('beta', 3)])!;
    assert.equal(lifted.floor, 7);
    assert.ok('sign' in decideTimeout(lifted, setOf(2)));
    assert.ok('refuse' in decideVote(lifted, LEDGER, request(5, tcOf(4, 2))));
    assert.ok('sign' in decideVote(lifted, LEDGER, request(9, tcOf(8, 2))));
  });

  it('asks again in an epoch that its forgotten past may have reached', () => {
    const restored = markRestored(voted(3), 'new store');
    assert.equal(enterEpoch(restored, 2, block(7), 100).floor, null);
    const answers = ['beta', 'gamma', 'delta'].map((member) => attestation(member, 12));
    const lifted = liftRestored(restored, setOf(4), answers)!;
    assert.equal(enterEpoch(lifted, 2, block(7), 16).floor, null);
    assert.equal(enterEpoch(lifted, 2, block(7), 17).floor, 0);
    assert.equal(enterEpoch(lifted, 3, block(7), 17).floor, null, 'rounds of another epoch');
    assert.equal(enterEpoch(voted(3), 2, block(7), 1).floor, 0);
  });
});

describe('an attestation', () => {
  const asker = { member: 'alpha', store: 'new store' };
  const byKey = (key: TestKey, claim: { epoch: number; votedRound: number }, to = asker) =>
    sign('sha256', attestationDigest(LEDGER, to, claim), {
      key: key.privateKey,
      dsaEncoding: 'ieee-p1363',
    });
  const check = (
    claim: { epoch: number; votedRound: number },
    { member = 'beta', key = keys[1]!, to = asker, qc = qcOf(6), tc = null as VerifiedTc | null },
  ) => {
    const said = { ...claim, qc, tc, signature: byKey(key, claim, to) };
    return verifyAttestation(setOf(4), member, asker, said, qc, tc);
  };

  it('counts when its signer is a validator and its certificates lead to the round', () => {
    assert.equal(check({ epoch: 1, votedRound: 7 }, {})?.votedRound, 7);
    assert.equal(check({ epoch: 1, votedRound: 8 }, {})?.votedRound, 8);
    assert.equal(check({ epoch: 1, votedRound: 12 }, { tc: tcOf(8, 6) })?.votedRound, 12);
  });

  it('is refused for a round that no correct validator can have reached, and for any forgery', () => {
    assert.equal(check({ epoch: 1, votedRound: 9 }, {}), undefined, 'a tenure too far');
    assert.equal(check({ epoch: 1, votedRound: 1e15 }, {}), undefined);
    assert.equal(check({ epoch: 2, votedRound: 7 }, {}), undefined, 'another epoch');
    assert.equal(
      check({ epoch: 1, votedRound: 12 }, { tc: tcOf(8, 7) }),
      undefined,
      'a timeout certificate without the certificate that it reports',
    );
    assert.equal(check({ epoch: 1, votedRound: 7 }, { key: keys[2]! }), undefined, 'another key');
    const earlier = { member: 'alpha', store: 'an earlier store' };
    assert.equal(check({ epoch: 1, votedRound: 7 }, { to: earlier }), undefined, 'a replay');
    assert.equal(check({ epoch: 1, votedRound: 7 }, { member: 'nobody' }), undefined);
    const own = check({ epoch: 1, votedRound: 7 }, { member: 'alpha', key: keys[0]! });
    assert.equal(own, undefined, 'one’s own');
  });
});

describe('records that are restored from old copies at random', () => {
  for (const [n, restorable] of [
    [4, 4],
    [7, 7],
    [3, 3],
    [2, 1],
  ] as const) {
    it(`of ${n} validators never contradict themselves, nor let two histories be committed`, () => {
      let lifts = 0;
      let signedAgain = 0;
      for (let seed = 1; seed <= 1000; seed++) {
        const group = new RestoredGroup(seed, n, restorable);
        for (let step = 0; step < 1500; step++) group.step();
        assert.equal(group.violation, undefined, `seed ${seed}: ${group.violation}`);
        lifts += group.lifts;
        signedAgain += group.signedAgain;
      }
      assert.ok(lifts > 500 && signedAgain > 500, `${lifts} lifts, ${signedAgain} signed again`);
    });
  }
});
