/** Quorums, leaders and tenures against counting; certificates with real keys, and every fault in one. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { PublicJwk } from '../../shared/bytes/crypto.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { EVERYBODY, leaderIndex, leaderOf } from '../../shared/consensus/leaders.ts';
import {
  faultsTolerated,
  quorumSize,
  startQc,
  tenureEnd,
  type ValidatorSet,
  validatorIndex,
  validatorSetOf,
  validatorsHash,
  verifyQc,
  verifyStatement,
  verifyTc,
} from '../../shared/consensus/validators.ts';
import {
  type QuorumCertificate,
  type Statement,
  statementDigest,
  type TimeoutCertificate,
} from '../../shared/ledger/certificate.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';

const LEDGER = 'aa'.repeat(32) as Digest;
const BLOCK = 'bb'.repeat(32) as Digest;

const members = ['ann', 'bob', 'cem', 'dan', 'eve', 'fay', 'gus'].map((id) => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x, y } = publicKey.export({ format: 'jwk' });
  const nodeKey: PublicJwk = { kty: 'EC', crv: 'P-256', x: x!, y: y! };
  return { id, privateKey, nodeKey, validator: true };
});
const set = validatorSetOf(LEDGER, 2, 8, members);

const signed = (statement: Statement, key: KeyObject): Uint8Array =>
  sign('sha256', statementDigest(statement), { key, dsaEncoding: 'ieee-p1363' });

describe('quorum arithmetic', () => {
  const sizes = Array.from({ length: LIMITS.validatorsMax }, (_, index) => index + 1);

  it('tolerates the most faults for which n ≥ 3f + 1', () => {
    for (const n of sizes) {
      let f = 0;
      while (3 * (f + 1) + 1 <= n) f++;
      assert.equal(faultsTolerated(n), f, `n = ${n}`);
    }
  });

  it('takes the smallest quorum of which any two share more than f validators', () => {
    for (const n of sizes) {
      const f = faultsTolerated(n);
      // Two sets of q among n share at least 2q − n.
      let q = 1;
      while (2 * q - n <= f) q++;
      assert.equal(quorumSize(n), q, `n = ${n}`);
      assert.ok(q <= n - f, `the correct ones of ${n} are a quorum by themselves`);
    }
  });

  it('makes any two quorums share a correct validator, counted out for small sets', () => {
    for (const n of sizes.slice(0, 8)) {
      const subsets = Array.from({ length: 2 ** n }, (_, mask) => mask);
      const quorums = subsets.filter((mask) => ones(mask) === quorumSize(n));
      for (const a of quorums) {
        for (const b of quorums) assert.ok(ones(a & b) > faultsTolerated(n));
      }
    }
  });

  it('is 2f + 1 where n = 3f + 1', () => {
    for (let f = 0; f < 40; f++) assert.equal(quorumSize(3 * f + 1), 2 * f + 1);
  });
});

const ones = (mask: number): number => mask.toString(2).replaceAll('0', '').length;

describe('a validator set', () => {
  it('holds the validators among the members in the order of their ids', () => {
    const mixed = members.map((member, index) => ({ ...member, validator: index !== 2 }));
    const made = validatorSetOf(LEDGER, 2, 8, mixed.toReversed());
    assert.deepEqual(
      made.validators.map(({ member }) => member),
      ['ann', 'bob', 'dan', 'eve', 'fay', 'gus'],
    );
    assert.equal(validatorIndex(made, 'dan'), 2);
    assert.equal(validatorIndex(made, 'cem'), -1);
  });

  it('has a digest that every part of it enters', () => {
    const [first, second, ...rest] = set.validators as [
      ValidatorSet['validators'][number],
      ValidatorSet['validators'][number],
    ];
    const others: ValidatorSet[] = [
      { ...set, epoch: 3 },
      { ...set, tenureRounds: 9 },
      { ...set, validators: [second, first, ...rest] },
      { ...set, validators: [second, ...rest] },
      { ...set, validators: [{ ...first, member: 'amy' }, second, ...rest] },
      { ...set, validators: [{ ...first, key: second.key }, second, ...rest] },
    ];
    const hashes = new Set([set, ...others].map(validatorsHash));
    assert.equal(hashes.size, others.length + 1);
  });

  it('has each leader for a tenure of rounds, in turn', () => {
    const shape = fc.record({
      n: fc.integer({ min: 1, max: 7 }),
      tenure: fc.integer({ min: 1, max: 9 }),
    });
    fc.assert(
      fc.property(shape, ({ n, tenure }) => {
        const some = validatorSetOf(LEDGER, 1, tenure, members.slice(0, n));
        let round = 0;
        for (let turn = 0; turn < 3 * n; turn++) {
          const end = round + tenure;
          for (let rounds = 0; rounds < tenure; rounds++) {
            round++;
            assert.equal(leaderIndex(some, EVERYBODY, round), turn % n);
            assert.equal(leaderOf(some, EVERYBODY, round), members[turn % n]!.id);
            assert.equal(tenureEnd(some, round), end);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});

describe('a statement', () => {
  const vote: Statement = { kind: 'vote', ledger: LEDGER, epoch: 2, round: 5, block: BLOCK };
  const timeout: Statement = {
    kind: 'timeout',
    ledger: LEDGER,
    epoch: 2,
    round: 5,
    highQcRound: 4,
  };

  it('verifies for the validator that signed it, and for no other', () => {
    for (const statement of [vote, timeout]) {
      const signature = signed(statement, members[1]!.privateKey);
      for (const validator of [-1, 0, 1, 2, 7, 0.5]) {
        const found = verifyStatement(set, statement, { validator, signature });
        assert.equal(found, validator === 1);
      }
    }
  });

  it('has a digest that every part of it enters, its kind included', () => {
    const other = 'cc'.repeat(32) as Digest;
    const digests = [
      vote,
      timeout,
      { ...vote, ledger: other },
      { ...vote, epoch: 3 },
      { ...vote, round: 6 },
      { ...vote, block: other },
      { ...timeout, ledger: other },
      { ...timeout, epoch: 3 },
      { ...timeout, round: 6 },
      { ...timeout, highQcRound: 5 },
    ].map((statement) => Buffer.from(statementDigest(statement)).toString('hex'));
    assert.equal(new Set(digests).size, digests.length);
  });

  it('of another ledger or epoch does not count, though its signature is good', () => {
    for (const statement of [
      { ...vote, ledger: BLOCK },
      { ...vote, epoch: 3 },
    ]) {
      const signature = signed(statement, members[0]!.privateKey);
      assert.ok(!verifyStatement(set, statement, { validator: 0, signature }));
    }
  });
});

/** The votes of all seven; five are a quorum. */
const votes = members.map(({ privateKey }, validator) => ({
  validator,
  signature: signed({ kind: 'vote', ledger: LEDGER, epoch: 2, round: 5, block: BLOCK }, privateKey),
}));

describe('a quorum certificate', () => {
  const qc: QuorumCertificate = { epoch: 2, round: 5, block: BLOCK, signatures: votes.slice(1, 6) };

  it('verifies with a quorum of votes, whichever they are', () => {
    fc.assert(
      fc.property(fc.subarray(votes, { minLength: 5 }), (signatures) => {
        assert.ok(verifyQc(set, { ...qc, signatures }));
      }),
      { numRuns: 10 },
    );
  });

  const [a, b, c, d, e] = qc.signatures as typeof votes;
  const faulty: Record<string, Partial<QuorumCertificate>> = {
    'a vote too few': { signatures: votes.slice(0, 4) },
    'no vote': { signatures: [] },
    'the same vote twice': { signatures: [a!, b!, c!, d!, d!] },
    'votes in another order': { signatures: [b!, a!, c!, d!, e!] },
    "a vote under another validator's index": {
      signatures: [{ ...a!, validator: 0 }, b!, c!, d!, e!],
    },
    'a validator that does not exist': { signatures: [a!, b!, c!, d!, { ...e!, validator: 7 }] },
    'one bad signature beyond the quorum': {
      signatures: [...qc.signatures, { validator: 6, signature: new Uint8Array(64) }],
    },
    'another block': { block: LEDGER },
    'another round': { round: 6 },
    'another epoch': { epoch: 1 },
  };
  for (const [what, change] of Object.entries(faulty)) {
    it(`does not verify with ${what}`, () => {
      assert.equal(verifyQc(set, { ...qc, ...change }), undefined);
    });
  }

  it('of round 0 is known, not proven', () => {
    assert.equal(verifyQc(set, startQc(2, BLOCK)), undefined);
  });
});

describe('a timeout certificate', () => {
  const timeouts = members.map(({ privateKey }, validator) => {
    const highQcRound = validator;
    const statement = { kind: 'timeout', ledger: LEDGER, epoch: 2, round: 8, highQcRound } as const;
    return { validator, highQcRound, signature: signed(statement, privateKey) };
  });
  const tc: TimeoutCertificate = { epoch: 2, round: 8, timeouts: timeouts.slice(0, 5) };

  it('verifies with a quorum of timeouts, each with the round that its signer reported', () => {
    assert.ok(verifyTc(set, tc));
    assert.ok(verifyTc(set, { ...tc, timeouts }));
  });

  const raised = tc.timeouts.with(0, { ...tc.timeouts[0]!, highQcRound: 7 });
  const beyond = { kind: 'timeout', ledger: LEDGER, epoch: 2, round: 8, highQcRound: 9 } as const;
  const faulty: Record<string, Partial<TimeoutCertificate>> = {
    'a timeout too few': { timeouts: timeouts.slice(0, 4) },
    'the same timeout twice': { timeouts: [...tc.timeouts.slice(0, 4), tc.timeouts[3]!] },
    'a reported round that was not signed': { timeouts: raised },
    'a reported round after its own': {
      timeouts: tc.timeouts.with(4, {
        validator: 4,
        highQcRound: 9,
        signature: signed(beyond, members[4]!.privateKey),
      }),
    },
    'another round': { round: 9 },
    'another epoch': { epoch: 3 },
  };
  for (const [what, change] of Object.entries(faulty)) {
    it(`does not verify with ${what}`, () => {
      assert.equal(verifyTc(set, { ...tc, ...change }), undefined);
    });
  }
});
