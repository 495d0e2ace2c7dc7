import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Value } from '../../shared/bytes/cbor.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { decodeRequest, encodeRequest, type Request } from '../../shared/consensus/message.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { blockId, decodeBlock, encodeBlock } from '../../shared/ledger/block.ts';
import { type Statement, statementDigest } from '../../shared/ledger/certificate.ts';
import { type Evidence, evidenceOf } from '../../shared/ledger/evidence.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction, type TransactionBody } from '../../shared/ledger/transaction.ts';
import { verifyEvidenceProof } from '../../shared/proof/verify-evidence.ts';
import { contracts } from '../../workloads/catalog.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

// In the order of their ids; the first leads the first tenure.
const MEMBERS = ['alpha', 'beta', 'delta', 'gamma'];
const system = contracts.entries.filter(({ contract }) => contract.name !== 'invoice');
let network: LocalNetwork;
/** What the nodes logged. */
const noticed: string[] = [];
afterEach(() => network?.close());

interface Offence extends Evidence {
  readonly id: string;
  readonly kind: string;
  readonly reporter: string;
}

async function open(): Promise<void> {
  noticed.length = 0;
  network = await LocalNetwork.open({
    members: MEMBERS,
    catalog: catalog([...system, ...counterCatalog.entries]),
    log: (_member, event) => noticed.push(event),
  });
}

async function call(
  member: string,
  contract: string,
  method: string,
  args: TransactionBody['args'],
) {
  const transaction = parseTransaction(network.signed(`${member}/admin`, contract, method, args));
  assert.ok(!(transaction instanceof Rejected));
  const status = await network.service(member).submit(transaction, 15_000);
  assert.ok(!(status instanceof Rejected), JSON.stringify(status));
  assert.ok('result' in status, JSON.stringify(status));
  return status;
}

const raise = async (member: string): Promise<void> => {
  const { status } = await call(member, 'counter', 'raise', { name: 'a', by: 1 });
  assert.equal(status, 'committed');
};

async function offencesAt(member: string): Promise<Offence[]> {
  const answer = await network.service(member).query('evidence', 'offences', {}, undefined);
  assert.ok(!(answer instanceof Rejected));
  return (answer.output as unknown as { offences: Offence[] }).offences;
}

/** Waits until each of these nodes has these offences, and no other, on its ledger. */
async function recorded(members: readonly string[], expected: readonly string[]): Promise<void> {
  const shown = async (member: string) =>
    (await offencesAt(member)).map(({ member: by, kind }) => `${by} ${kind}`).join();
  await until(async () => {
    const all = await Promise.all(members.map(shown));
    return all.every((text) => text === expected.join());
  }, 8000);
}

/** A statement of a member's key, by a hostile hand. */
const signedAs = (member: string, statement: Statement) => ({
  statement,
  signature: network.signAs(member, statementDigest(statement)),
});
const voteFor = (round: number, block: string, epoch = 1): Statement => {
  const { ledger } = network;
  return { kind: 'vote', ledger, epoch, round, block: block as Digest };
};
const twoVotes = (member: string, round: number, epoch = 1): Evidence =>
  evidenceOf(
    member,
    signedAs(member, voteFor(round, '1'.repeat(64), epoch)),
    signedAs(member, voteFor(round, '2'.repeat(64), epoch)),
  );

describe('evidence of double signing', () => {
  it('is recorded once when a leader proposes two blocks for one round, a half of the nodes each', async () => {
    await open();
    let lied = 0;
    network.intercept = (from, to, message) => {
      if (from !== 'alpha' || to === 'beta') return message;
      const request = decodeRequest(message);
      if (request.kind !== 'proposal') return message;
      const block = decodeBlock(request.block);
      const { round } = block.header;
      // An empty block at another time is as valid: both halves vote, and neither gets a quorum.
      if (block.transactions.length > 0 || (lied > 0 && lied !== round)) return message;
      lied = round;
      const header = { ...block.header, time: block.header.time + 1 };
      const { signature } = signedAs('alpha', voteFor(round, blockId(header)));
      const other = encodeBlock({ ...block, id: blockId(header), header });
      return encodeRequest({ ...request, block: other, signature });
    };
    await raise('beta');
    await recorded(MEMBERS, ['alpha vote']);
    const [offence] = await offencesAt('gamma');
    assert.equal(offence?.round, lied);
    const { offences } = (await network.service('delta').members()).find(
      ({ id }) => id === 'alpha',
    )!;
    assert.equal(offences, 1);
    const types = (
      await network.service('beta').events({ height: 0, transactionIndex: -1, eventIndex: -1 }, 100)
    ).map(({ type }) => type);
    assert.equal(types.filter((type) => type === 'evidence.double-signed').length, 1);
    const proof = JSON.parse(
      JSON.stringify(await network.service('beta').evidenceProof(offence!.id)),
    );
    const verdict = verifyEvidenceProof(proof, network.ledger);
    assert.deepEqual(verdict, {
      verdict: 'VALID',
      member: 'alpha',
      epoch: 1,
      round: lied,
      kind: 'vote',
    });
  });

  it('is recorded when a leader sends one node another block than the certified one', async () => {
    await open();
    network.intercept = (from, to, message) => {
      if (from !== 'alpha' || to !== 'delta') return message;
      const request = decodeRequest(message);
      if (request.kind !== 'proposal') return message;
      const block = decodeBlock(request.block);
      if (block.header.round !== 1) return message;
      const header = { ...block.header, stateRoot: 'ab'.repeat(32) as Digest };
      const { signature } = signedAs('alpha', voteFor(1, blockId(header)));
      return encodeRequest({ ...request, block: encodeBlock({ ...block, header }), signature });
    };
    await raise('beta');
    await recorded(MEMBERS, ['alpha vote']);
  });

  it('is recorded when a leader sends one node two blocks of one round', async () => {
    await open();
    await raise('beta');
    const [message] = await proposals(() => raise('beta'), 'gamma');
    const request = decodeRequest(message!) as Request & { kind: 'proposal' };
    const block = decodeBlock(request.block);
    const header = { ...block.header, time: block.header.time + 1 };
    const { signature } = signedAs('alpha', voteFor(header.round, blockId(header)));
    const second = { ...request, block: encodeBlock({ ...block, header }), signature };
    await network.say('alpha', 'gamma', encodeRequest(second));
    await recorded(MEMBERS, ['alpha vote']);
  });

  it('is recorded when a node votes twice in one round', async () => {
    await open();
    await raise('gamma');
    const { highQc } = network.node('gamma').replica.record;
    const voter = highQc.signatures.map(({ validator }) => validator).find((index) => index > 0)!;
    const liar = MEMBERS[voter]!;
    const { signature } = signedAs(liar, voteFor(highQc.round, 'ef'.repeat(32)));
    const other = {
      ...highQc,
      block: 'ef'.repeat(32) as Digest,
      signatures: [{ validator: voter, signature }],
    };
    const [to] = MEMBERS.filter((member) => member !== liar);
    const standing = { epoch: 1, height: 1, qc: other, tc: null, seen: null };
    const tidings = { kind: 'tidings', standing, transactions: [], waiting: false } as const;
    await network.say(liar, to!, encodeRequest(tidings));
    await recorded(MEMBERS, [`${liar} vote`]);
  });

  it('is recorded when a node times one round out twice, with different certificates', async () => {
    await open();
    await raise('gamma');
    const { ledger } = network;
    const round = 64;
    const { highQc: qc } = network.node('gamma').replica.record;
    const standing = { epoch: 1, height: 1, qc, tc: null, seen: null };
    for (const [to, highQcRound] of [
      ['beta', 0],
      ['gamma', qc.round],
    ] as const) {
      const statement = { kind: 'timeout', ledger, epoch: 1, round, highQcRound } as const;
      const { signature } = signedAs('delta', statement);
      const timeout = { validator: MEMBERS.indexOf('delta'), round, highQcRound, signature };
      await network.say('delta', to, encodeRequest({ kind: 'timeout', standing, timeout }));
    }
    // The certificate that skips the dead leader brings one of them to the node that has the other.
    network.stop('alpha');
    await raise('gamma');
    await recorded(['beta', 'delta', 'gamma'], ['delta timeout']);
  });

  it('stays with what was signed in an earlier epoch, and is proven through the hand-overs', async () => {
    await open();
    const parameters = { ...DEFAULT_PARAMETERS, baseTimeoutMs: 200, tenureRounds: 8 };
    const action = { kind: 'set-parameters', parameters } as unknown as Value;
    const { result } = await call('alpha', 'governance', 'propose', { action });
    assert.ok(result.status === 'committed');
    const { id, digest } = result.output as { id: string; digest: string };
    for (const member of ['beta', 'gamma']) {
      await call(member, 'governance', 'vote', { id, digest, approve: true });
    }
    await raise('delta');
    for (const epoch of [1, 2]) {
      const { status } = await call('beta', 'evidence', 'report', twoVotes('delta', 3, epoch));
      assert.equal(status, 'committed');
    }
    await recorded(MEMBERS, ['delta vote', 'delta vote']);
    for (const { id: offence, epoch } of await offencesAt('gamma')) {
      const proof = (await network.service('gamma').evidenceProof(offence))!;
      assert.equal(proof.handovers.length, epoch - 1);
      const check = (changed: object) =>
        verifyEvidenceProof(JSON.parse(JSON.stringify({ ...proof, ...changed })), network.ledger);
      assert.equal(check({}).verdict, 'VALID', JSON.stringify(check({})));
      if (epoch > 1) assert.equal(check({ handovers: [] }).verdict, 'INVALID');
      assert.equal(check({ evidence: { ...proof.evidence, member: 'beta' } }).verdict, 'INVALID');
      assert.equal(check({ ledger: 'cd'.repeat(32) }).verdict, 'INVALID');
      assert.equal(check({ more: 1 }).verdict, 'ERROR');
    }
  });

  it('can’t be made against a correct member', async () => {
    await open();
    await raise('gamma');
    const { highQc } = network.node('gamma').replica.record;
    const junk = new Uint8Array(64).fill(1);
    const other = 'ef'.repeat(32) as Digest;
    const signatures = highQc.signatures.map((entry) => ({ ...entry, signature: junk }));
    // The same vote signed once more is no offence; nor is one for another epoch or ledger.
    const again = signedAs('beta', voteFor(highQc.round, highQc.block)).signature;
    const elsewhere = signedAs('beta', voteFor(highQc.round, other, 2)).signature;
    const certificates = [
      { ...highQc, block: other, signatures },
      { ...highQc, signatures: [{ validator: 1, signature: again }] },
      { ...highQc, block: other, signatures: [{ validator: 1, signature: elsewhere }] },
    ];
    for (const to of ['alpha', 'beta', 'gamma']) {
      for (const qc of certificates) {
        const seen = { round: highQc.round, block: other, validator: 1, signature: junk };
        const standing = { epoch: 1, height: 1, qc, tc: null, seen };
        const tidings = { kind: 'tidings', standing, transactions: [], waiting: false } as const;
        await network.say('delta', to, encodeRequest(tidings)).catch(() => {});
      }
    }
    const forged = twoVotes('delta', highQc.round);
    const { result } = await call('delta', 'evidence', 'report', { ...forged, member: 'beta' });
    assert.equal(result.status === 'rejected' && result.rejection.reason, 'not-proven');
    await raise('beta');
    await until(() => network.node('alpha').replica.driving === null);
    await recorded(MEMBERS, []);
    assert.ok(!noticed.includes('double-signed'));
  });
});

/** What the leader proposes to a member while something is done. */
async function proposals(doing: () => Promise<void>, to: string): Promise<Uint8Array[]> {
  const heard: Uint8Array[] = [];
  network.intercept = (_from, receiver, message) => {
    if (receiver === to && decodeRequest(message).kind === 'proposal') heard.push(message);
    return message;
  };
  await doing();
  return heard;
}
