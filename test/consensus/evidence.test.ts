import assert from 'node:assert/strict';
import { sign } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { Digest } from '../../shared/bytes/digest.ts';
import {
  adopt,
  decideProposal,
  decideTimeout,
  decideVote,
  emptyRecord,
  type SafetyRecord,
} from '../../shared/consensus/safety.ts';
import { StatementBook } from '../../shared/consensus/statement-book.ts';
import type { ValidatorSet, VerifiedQc, VerifiedTc } from '../../shared/consensus/validators.ts';
import {
  type QuorumCertificate,
  type Statement,
  statementDigest,
} from '../../shared/ledger/certificate.ts';
import {
  contradict,
  type Evidence,
  EvidenceSchema,
  evidenceOf,
  flawOf,
  OFFENCES_MAX,
  offenceId,
  type SignedStatement,
} from '../../shared/ledger/evidence.ts';
import { testKeyFrom } from '../support/local-network.ts';

const LEDGER = 'aa'.repeat(32) as Digest;
const MEMBERS = ['alpha', 'beta', 'delta', 'gamma', 'kappa', 'omega', 'zeta'];
const keys = new Map(MEMBERS.map((member) => [member, testKeyFrom(`${member} node`)]));
const set: ValidatorSet = {
  ledger: LEDGER,
  epoch: 1,
  tenureRounds: 4,
  validators: MEMBERS.map((member) => ({ member, key: keys.get(member)!.jwk })),
};
const [key, otherKey] = [keys.get('alpha')!.jwk, keys.get('beta')!.jwk];
const block = (n: number): Digest => n.toString(16).padStart(64, '0') as Digest;
const vote = (round: number, n: number, more: Partial<Statement> = {}): Statement =>
  ({ kind: 'vote', ledger: LEDGER, epoch: 1, round, block: block(n), ...more }) as Statement;
const timeout = (round: number, highQcRound: number): Statement => ({
  kind: 'timeout',
  ledger: LEDGER,
  epoch: 1,
  round,
  highQcRound,
});

function signatureOf(member: string, statement: Statement): Uint8Array {
  const { privateKey } = keys.get(member)!;
  return sign('sha256', statementDigest(statement), { key: privateKey, dsaEncoding: 'ieee-p1363' });
}
const signedBy = (member: string, statement: Statement): SignedStatement => ({
  statement,
  signature: signatureOf(member, statement),
});
const entryOf = (member: string, statement: Statement) => ({
  validator: MEMBERS.indexOf(member),
  signature: signatureOf(member, statement),
});
const evidenceBy = (a: Statement, b: Statement): Evidence =>
  evidenceOf('alpha', signedBy('alpha', a), signedBy('alpha', b));

describe('evidence', () => {
  for (const [what, a, b] of [
    ['two votes', vote(7, 1), vote(7, 2)],
    ['two timeouts', timeout(8, 3), timeout(8, 5)],
  ] as const) {
    it(`proves ${what} of one round, whoever holds it`, () => {
      const evidence = evidenceBy(a, b);
      assert.equal(flawOf(LEDGER, evidence, key), undefined);
      assert.match(flawOf(LEDGER, evidence, otherKey)!, /signature of statement 0/);
      const elsewhere = 'bb'.repeat(32) as Digest;
      assert.match(flawOf(elsewhere, evidence, key)!, /signature of statement 0/);
      for (const change of [{ epoch: 2 }, { round: a.round + 1 }]) {
        assert.match(flawOf(LEDGER, { ...evidence, ...change }, key)!, /signature/);
      }
    });

    it(`is the same for ${what} in whichever order they came, and through JSON`, () => {
      const [first, second] = [signedBy('alpha', a), signedBy('alpha', b)];
      const evidence = evidenceOf('alpha', first, second);
      assert.deepEqual(evidenceOf('alpha', second, first), evidence);
      const text = JSON.stringify(evidence);
      assert.deepEqual(EvidenceSchema.parse(JSON.parse(text)), evidence);
    });
  }

  it('has one name an offence, whatever else was signed for the round', () => {
    const ids = [evidenceBy(vote(7, 1), vote(7, 2)), evidenceBy(vote(7, 3), vote(7, 2))];
    assert.deepEqual(new Set(ids.map(offenceId)).size, 1);
    assert.equal(offenceId(ids[0]!), 'alpha.0000000000000001.0000000000000007.vote');
    assert.match(offenceId(evidenceBy(timeout(8, 1), timeout(8, 2))), /8\.timeout$/);
  });

  it('is none where nothing contradicts: signatures of one statement differ each time', () => {
    const twice = evidenceBy(vote(7, 1), vote(7, 1));
    assert.notEqual(twice.statements[0]!.signature, twice.statements[1]!.signature);
    assert.match(flawOf(LEDGER, twice, key)!, /do not contradict/);
    for (const other of [
      vote(8, 2),
      timeout(7, 2),
      vote(7, 2, { epoch: 2 }),
      vote(7, 2, { ledger: 'bb'.repeat(32) as Digest }),
    ]) {
      assert.equal(contradict(vote(7, 1), other), false);
    }
  });

  it('is refused in any other form', () => {
    const good = evidenceBy(vote(7, 1), vote(7, 2));
    const [a, b] = good.statements as [object, object];
    for (const bad of [
      { ...good, more: 1 },
      { ...good, statements: [a] },
      { ...good, statements: [a, b, b] },
      { ...good, statements: [a, { ...b, highQcRound: 1 }] },
      { ...good, statements: [a, { ...b, signature: 'A'.repeat(85) }] },
      { ...good, statements: [a, { ...b, signature: `${'A'.repeat(85)}B` }] },
      { ...good, statements: [a, { ...b, block: 'x' }] },
      { ...good, round: 0 },
      { ...good, member: '../x' },
    ]) {
      assert.equal(EvidenceSchema.safeParse(bad).success, false, JSON.stringify(bad));
    }
    const mixed = { ...good, statements: [a, { highQcRound: 1, signature: 'A'.repeat(86) }] };
    assert.match(flawOf(LEDGER, EvidenceSchema.parse(mixed), key)!, /do not contradict/);
  });
});

type Step =
  | { kind: 'vote' | 'propose'; round: number; qc: number; tc: number | null; n: number }
  | { kind: 'timeout' }
  | { kind: 'certificates'; qc: number; tc: number | null };
const round = fc.integer({ min: 0, max: 20 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('vote' as const, 'propose' as const),
      round: fc.integer({ min: 1, max: 20 }),
      qc: round,
      tc: fc.option(round),
      n: fc.integer({ min: 1, max: 3 }),
    }),
    fc.constant({ kind: 'timeout' as const }),
    fc.record({ kind: fc.constant('certificates' as const), qc: round, tc: fc.option(round) }),
  ),
  { maxLength: 60 },
);

describe('a correct kernel', () => {
  it('signs nothing, whatever it is told, of which two make evidence', () => {
    const qcOf = (n: number, of = n): VerifiedQc =>
      ({ epoch: 1, round: n, block: block(of), signatures: [] }) as unknown as VerifiedQc;
    const tcOf = (n: number): VerifiedTc =>
      ({ epoch: 1, round: n, timeouts: [] }) as unknown as VerifiedTc;
    let most = 0;
    fc.assert(
      fc.property(steps, (taken) => {
        let record: SafetyRecord = emptyRecord('store', 1, block(0));
        const signed: Statement[] = [];
        for (const step of taken) {
          const tc = 'tc' in step && step.tc ? tcOf(step.tc) : null;
          if (step.kind === 'certificates') {
            record = adopt(record, qcOf(step.qc), tc);
            continue;
          }
          const decide = step.kind === 'vote' ? decideVote : decideProposal;
          const decision =
            step.kind === 'timeout'
              ? decideTimeout(record, set)
              : decide(record, LEDGER, {
                  epoch: 1,
                  round: step.round,
                  block: block(step.round * 10 + step.n),
                  qc: qcOf(step.qc),
                  tc,
                });
          if ('refuse' in decision) continue;
          record = decision.record;
          signed.push(decision.sign);
        }
        most = Math.max(most, signed.length);
        for (const a of signed) for (const b of signed) assert.ok(!contradict(a, b));
      }),
      { numRuns: 1000 },
    );
    assert.ok(most > 5, 'the steps make it sign');
  });
});

describe('the book of statements', () => {
  const open = (current = 7) => {
    const found: Evidence[] = [];
    return { found, book: new StatementBook(set, current, (evidence) => found.push(evidence)) };
  };
  const CHECKED = { checked: true };
  const HEARD = { checked: false };
  const proposal = (at: number, n: number, by = 'beta') => ({
    round: at,
    block: block(n),
    // Who signs for another is caught when the signature is checked.
    validator: MEMBERS.indexOf('beta'),
    signature: signatureOf(by, vote(at, n)),
  });
  const qcBy = (at: number, n: number, members: readonly string[]): QuorumCertificate => ({
    epoch: 1,
    round: at,
    block: block(n),
    signatures: members.map((member) => entryOf(member, vote(at, n))),
  });

  it('finds a leader’s second proposal, which is not checked unless it contradicts', () => {
    const { book, found } = open();
    book.sawProposal(proposal(7, 1), CHECKED);
    book.sawProposal(proposal(7, 1), HEARD);
    book.sawProposal({ ...proposal(7, 2), signature: new Uint8Array(64) }, HEARD);
    book.sawProposal(proposal(7, 2, 'alpha'), HEARD);
    assert.deepEqual(found, []);
    book.sawProposal(proposal(7, 2), HEARD);
    assert.equal(flawOf(LEDGER, found[0]!, otherKey), undefined);
    book.sawProposal(proposal(7, 3), HEARD);
    assert.equal(found.length, 1, 'one offence is found once');
  });

  it('believes nothing unchecked: what was only heard is no half of a proof', () => {
    const { book, found } = open();
    book.sawProposal(proposal(7, 1), HEARD);
    book.sawQc(qcBy(7, 1, MEMBERS.slice(0, 5)), HEARD);
    book.sawProposal(proposal(7, 2), CHECKED);
    assert.deepEqual(found, []);
    assert.equal(book.shown?.block, block(2));
  });

  it('finds everybody who stands in two certificates of one round', () => {
    const { book, found } = open();
    book.sawQc(qcBy(7, 1, MEMBERS.slice(0, 5)), CHECKED);
    book.sawQc(qcBy(7, 2, MEMBERS.slice(2)), HEARD);
    assert.deepEqual(
      found.map(({ member }) => member),
      ['delta', 'gamma', 'kappa'],
    );
    for (const evidence of found) {
      assert.equal(flawOf(LEDGER, evidence, keys.get(evidence.member)!.jwk), undefined);
    }
  });

  it('stops at the first bad signature of a certificate that it only heard', () => {
    const { book, found } = open();
    book.sawQc(qcBy(7, 1, MEMBERS.slice(0, 5)), CHECKED);
    const junk = qcBy(7, 2, MEMBERS.slice(0, 5));
    const [first, ...rest] = junk.signatures;
    const spoilt = [{ ...first!, signature: new Uint8Array(64) }, ...rest];
    book.sawQc({ ...junk, signatures: spoilt }, HEARD);
    assert.deepEqual(found, []);
  });

  it('shows its half of a proof until somebody brings the other', () => {
    const { book, found } = open();
    book.sawProposal(proposal(6, 1), CHECKED);
    // The leader kept its own signature out of the certificate of its other block.
    book.sawQc(qcBy(6, 2, MEMBERS.filter((member) => member !== 'beta').slice(0, 5)), CHECKED);
    book.advance(8);
    book.sawProposal(proposal(8, 5), CHECKED);
    assert.equal(book.shown?.round, 6);
    const other = open(8);
    other.book.sawProposal(proposal(6, 2), CHECKED);
    other.book.sawProposal(book.shown!, HEARD);
    assert.equal(other.found[0]?.member, 'beta');
    book.sawProposal(proposal(6, 2), HEARD);
    assert.equal(found[0]?.member, 'beta');
    assert.equal(book.shown?.round, 8);
  });

  it('finds two timeouts of one round, in messages and in certificates', () => {
    const { book, found } = open();
    const entry = (member: string, highQcRound: number) => ({
      ...entryOf(member, timeout(8, highQcRound)),
      round: 8,
      highQcRound,
    });
    book.sawTimeout(entry('alpha', 3), CHECKED);
    book.sawTimeout(entry('beta', 6), CHECKED);
    book.sawTimeout(entry('alpha', 3), HEARD);
    book.sawTimeout({ ...entry('alpha', 5), signature: new Uint8Array(64) }, HEARD);
    assert.deepEqual(found, []);
    book.sawTimeout(entry('alpha', 5), HEARD);
    book.sawTc({ epoch: 1, round: 8, timeouts: [entry('alpha', 6), entry('beta', 2)] }, HEARD);
    assert.deepEqual(found.map(offenceId), [
      'alpha.0000000000000001.0000000000000008.timeout',
      'beta.0000000000000001.0000000000000008.timeout',
    ]);
  });

  it('forgets old rounds, ignores far ones, and proves a few offences of a validator only', () => {
    const { book, found } = open();
    book.sawProposal(proposal(7, 1), CHECKED);
    book.advance(1000);
    for (const at of [7, 500, 1002, 100_000]) {
      book.sawVote(at, block(1), entryOf('alpha', vote(at, 1)), CHECKED);
      book.sawVote(at, block(2), entryOf('alpha', vote(at, 2)), CHECKED);
    }
    assert.deepEqual(found, []);
    for (let at = 1001; at > 1001 - 2 * OFFENCES_MAX; at--) {
      book.sawVote(at, block(1), entryOf('alpha', vote(at, 1)), CHECKED);
      book.sawVote(at, block(2), entryOf('alpha', vote(at, 2)), HEARD);
    }
    assert.equal(found.length, OFFENCES_MAX);
  });
});
