/** A node whose store was restored from an old copy: it asks before it signs, and never contradicts itself. */
import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { MemoryStores } from '../../node/memory/stores.ts';
import { memoryStores } from '../../node/memory/stores.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import type { Value } from '../../shared/bytes/cbor.ts';
import { toHex } from '../../shared/bytes/text.ts';
import { decodeReply, encodeReply, type Reply } from '../../shared/consensus/message.ts';
import { decodeRecord } from '../../shared/consensus/record.ts';
import { attestationDigest } from '../../shared/consensus/restored.ts';
import { currentRound, decideProposal } from '../../shared/consensus/safety.ts';
import { tenureEnd } from '../../shared/consensus/validators.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { statementDigest } from '../../shared/ledger/certificate.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { contracts } from '../../workloads/catalog.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork, type NetworkOptions } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const OTHERS = ['alpha', 'beta', 'gamma'];
const TENURE = 3;
let network: LocalNetwork;
let signatures: Signatures;
afterEach(() => network?.close());

/** Every statement that each member signed, over all its lives: I2 must hold for the whole of it. */
class Signatures {
  readonly of = new Map<string, Map<string, string>>();
  readonly #timedOut = new Map<string, number>();
  attestations = 0;

  async note(member: string, digest: Uint8Array, stores: NodeStores): Promise<void> {
    const stored = await stores.heads.read('safety');
    const statement = stored && decodeRecord(stored.bytes).statement;
    if (!statement || toHex(statementDigest(statement)) !== toHex(digest)) {
      this.attestations++;
      return;
    }
    const { kind, epoch, round } = statement;
    const own = this.of.get(member) ?? new Map<string, string>();
    this.of.set(member, own);
    const name = `${kind} ${epoch} ${round}`;
    const said = own.get(name) ?? toHex(digest);
    assert.equal(said, toHex(digest), `${member} signed two statements: ${name}`);
    const isNew = !own.has(name);
    own.set(name, said);
    const at = `${member} ${epoch}`;
    const timedOut = this.#timedOut.get(at) ?? 0;
    if (kind === 'timeout') this.#timedOut.set(at, Math.max(timedOut, round));
    else if (isNew) assert.ok(round > timedOut, `${member} voted in a round it timed out: ${name}`);
  }

  count = (member: string): number => this.of.get(member)?.size ?? 0;
}

const events: { member: string; event: string; fields: Readonly<Record<string, unknown>> }[] = [];
const logged = (event: string, member = 'delta') =>
  events.filter((one) => one.event === event && one.member === member);

async function open(options: Partial<NetworkOptions> = {}): Promise<void> {
  signatures = new Signatures();
  events.length = 0;
  const violated = (error: unknown): never => {
    events.push({ member: '', event: 'violation', fields: { error } });
    throw error;
  };
  network = await LocalNetwork.open({
    members: MEMBERS,
    catalog: counterCatalog,
    parameters: { tenureRounds: TENURE, baseTimeoutMs: 60, timeoutMsMax: 200 },
    onSign: (...signing) => signatures.note(...signing).catch(violated),
    log: (member, event, fields = {}) => events.push({ member, event, fields }),
    ...options,
  });
}

async function call(member: string, contract: string, method: string, args: Record<string, Value>) {
  const transaction = parseTransaction(network.signed(`${member}/admin`, contract, method, args));
  assert.ok(!(transaction instanceof Rejected));
  const status = await network.service(member).submit(transaction, 15_000);
  assert.ok(!(status instanceof Rejected), JSON.stringify(status));
  assert.equal(status.status, 'committed', JSON.stringify(status));
  assert.ok(status.status === 'committed' && status.result.status === 'committed');
  return status.result.output as Record<string, Value>;
}

const raise = (member: string) => call(member, 'counter', 'raise', { name: 'a', by: 1 });
async function raiseMany(members: readonly string[], times: number): Promise<void> {
  for (let index = 0; index < times; index++) await raise(members[index % members.length]!);
}

const record = (member: string) => network.node(member).replica.record;
const copyOf = (member: string): MemoryStores => (network.storesOf(member) as MemoryStores).copy();
const signsAgain = (member: string) => until(() => record(member).floor !== null);
const state = async (member: string) => (await network.service(member).consensus()).state;

/** Commits something until a member has signed a new statement. */
async function untilSigned(member: string, by: string): Promise<void> {
  const before = signatures.count(member);
  await until(async () => {
    await raise(by);
    return signatures.count(member) > before;
  });
}

function noViolation(): void {
  assert.deepEqual(
    events.filter(({ event }) => event === 'violation'),
    [],
  );
}

/** Runs a while, puts delta's old copy back in place of its store, and leaves it stopped. */
async function forget(): Promise<MemoryStores> {
  await raiseMany(MEMBERS, 3);
  const copy = copyOf('delta');
  await raiseMany(MEMBERS, 8);
  network.stop('delta');
  const own = copy.copy();
  network.useStores('delta', own);
  return own;
}

describe('a node restored from an old copy', () => {
  it('asks the others, goes on above what it may have signed, and is needed and there', async () => {
    await open();
    await forget();
    const before = decodeRecord((await network.storesOf('alpha').heads.read('safety'))!.bytes);
    await network.start('delta', { store: 'another store' });
    assert.equal(record('delta').floor, null);
    assert.equal(await state('delta'), 'recovering');
    await signsAgain('delta');
    assert.ok(record('delta').floor! >= before.votedRound + TENURE);
    await untilSigned('delta', 'alpha');
    network.stop('gamma');
    await raiseMany(['alpha', 'delta'], 4);
    noViolation();
    const answer = await network
      .service('delta')
      .query('counter', 'read', { name: 'a' }, undefined);
    const sum = (answer as unknown as { output: { value: number } }).output.value;
    assert.equal(sum, ((await raise('beta')).value as number) - 1);
  });

  it('waits for as many as it needs, follows meanwhile, and goes on when they are back', async () => {
    await open();
    await forget();
    network.cut('gamma', 'delta');
    await network.start('delta', { store: 'another store' });
    const signed = signatures.count('delta');
    await raiseMany(OTHERS, 2 * TENURE);
    await until(() => network.node('delta').replica.recovery.attestations.size === 2);
    await until(
      () => network.node('delta').replica.head.id === network.node('alpha').replica.head.id,
    );
    await raiseMany(OTHERS, 2 * TENURE);
    assert.equal(record('delta').floor, null);
    assert.equal(signatures.count('delta'), signed, 'it signed nothing');
    network.cut('gamma', 'delta', false);
    // Whoever leads speaks to it: that is enough to ask gamma again.
    await until(async () => {
      await raise('alpha');
      return record('delta').floor !== null;
    });
    await untilSigned('delta', 'alpha');
    noViolation();
  });

  it('stays silent through a crash in the middle, however it is started', async () => {
    await open();
    await forget();
    for (const other of OTHERS) network.cut(other, 'delta');
    await network.start('delta', { store: 'another store' });
    network.stop('delta');
    const signed = signatures.count('delta');
    await network.start('delta', { store: 'another store' });
    assert.equal(record('delta').floor, null);
    network
      .node('delta')
      .service.submit(
        parseTransaction(
          network.signed('delta/admin', 'counter', 'raise', { name: 'a', by: 1 }),
        ) as never,
        0,
      );
    await until(() => network.node('delta').replica.rings > 3);
    assert.equal(signatures.count('delta'), signed, 'it times nobody out either');
    for (const other of OTHERS) network.cut(other, 'delta', false);
    await signsAgain('delta');
    network.stop('delta');
    await network.start('delta', { store: 'another store' });
    assert.notEqual(record('delta').floor, null, 'it need not ask twice');
    await untilSigned('delta', 'beta');
    noViolation();
  });

  it('is one with an emptied store too, where its host says so', async () => {
    await open();
    await forget();
    network.useStores('delta', memoryStores());
    await network.start('delta', { store: 'another store', restored: true });
    await signsAgain('delta');
    await untilSigned('delta', 'alpha');
    noViolation();
  });

  it('asks in the epoch that the others are in', async () => {
    const system = contracts.entries.filter(({ contract }) =>
      ['governance', 'identity'].includes(contract.name),
    );
    await open({ catalog: catalog([...system, ...counterCatalog.entries]) });
    const copy = copyOf('delta');
    for (const tenureRounds of [4, 5]) {
      const parameters = {
        ...DEFAULT_PARAMETERS,
        baseTimeoutMs: 60,
        timeoutMsMax: 200,
        tenureRounds,
      };
      const action = { kind: 'set-parameters', parameters } as unknown as Value;
      const { id, digest } = await call('alpha', 'governance', 'propose', { action });
      const vote = { id: id!, digest: digest!, approve: true };
      for (const voter of ['beta', 'gamma']) await call(voter, 'governance', 'vote', vote);
      await raiseMany(MEMBERS, 4);
    }
    network.stop('delta');
    network.useStores('delta', copy);
    await network.start('delta', { store: 'another store' });
    await signsAgain('delta');
    assert.equal(record('delta').epoch, 3);
    assert.ok(record('delta').floor! > 5);
    await untilSigned('delta', 'alpha');
    network.stop('gamma');
    await raiseMany(['alpha', 'delta'], 4);
    noViolation();
  });

  it('falls silent with the ledger when somebody does not answer', async () => {
    await open({ parameters: { tenureRounds: TENURE, baseTimeoutMs: 5, timeoutMsMax: 10 } });
    await forget();
    network.stop('gamma');
    await until(() =>
      OTHERS.slice(0, 2).every((member) => network.node(member).replica.alarmAt === null),
    );
    await network.start('delta', { store: 'another store' });
    await until(() => network.node('delta').replica.alarmAt === null);
    assert.equal(record('delta').floor, null);
    // Whoever comes back speaks to it, and is asked.
    await network.start('gamma');
    await signsAgain('delta');
  });
});

describe('the others of a restored node', () => {
  /** What gamma answers to delta's question, changed. */
  const lying = (lie: (reply: Reply) => Reply): void => {
    network.interceptReply = (from, to, reply) => {
      const decoded = decodeReply(reply);
      if (from !== 'delta' || to !== 'gamma' || !decoded.attestation) return reply;
      return encodeReply(lie(decoded));
    };
  };
  /** Signed by gamma's own key. */
  const claiming = (reply: Reply, votedRound: number, store = 'another store'): Reply => {
    const claim = { ...reply.attestation!, votedRound };
    const digest = attestationDigest(network.ledger, { member: 'delta', store }, claim);
    return { ...reply, attestation: { ...claim, signature: network.signAs('gamma', digest) } };
  };

  const FALSE: readonly { what: string; lie: (reply: Reply) => Reply }[] = [
    { what: 'a round in the far future', lie: (reply) => claiming(reply, 1_000_000) },
    {
      what: 'a round a tenure beyond its certificates',
      lie: (reply) => {
        const { qc, tc } = reply.attestation!;
        const { set } = network.node('alpha').replica.epoch;
        return claiming(reply, tenureEnd(set, Math.max(qc.round, tc?.round ?? 0) + 1) + 1);
      },
    },
    {
      what: 'a forged certificate for it',
      lie: (reply) => {
        const qc = { ...reply.attestation!.qc, round: 1_000_000 };
        const forged = { ...reply, attestation: { ...reply.attestation!, qc } };
        return claiming(forged, 1_000_001);
      },
    },
    { what: 'an answer to an earlier store', lie: (reply) => claiming(reply, 1, 'earlier store') },
    {
      what: 'another member’s answer',
      lie: (reply) => ({
        ...reply,
        attestation: { ...reply.attestation!, votedRound: 1 },
      }),
    },
  ];
  for (const { what, lie } of FALSE) {
    it(`can’t make it believe ${what}`, async () => {
      await open();
      await forget();
      lying(lie);
      await network.start('delta', { store: 'another store' });
      await until(() => logged('attestation-false').length > 0);
      await until(() => network.node('delta').replica.recovery.attestations.size === 2);
      assert.equal(record('delta').floor, null);
      network.interceptReply = (_from, _to, reply) => reply;
      await signsAgain('delta');
      const { set } = network.node('alpha').replica.epoch;
      assert.ok(record('delta').floor! <= tenureEnd(set, currentRound(record('alpha'))) + TENURE);
      await untilSigned('delta', 'alpha');
      noViolation();
    });
  }

  it('can push it one tenure at the most, and it comes back all the same', async () => {
    await open();
    await forget();
    lying((reply) => {
      const { qc, tc } = reply.attestation!;
      const { set } = network.node('alpha').replica.epoch;
      return claiming(reply, tenureEnd(set, Math.max(qc.round, tc?.round ?? 0) + 1));
    });
    await network.start('delta', { store: 'another store' });
    await signsAgain('delta');
    const { set } = network.node('alpha').replica.epoch;
    assert.ok(record('delta').floor! <= tenureEnd(set, currentRound(record('alpha'))) + TENURE);
    await untilSigned('delta', 'alpha');
    noViolation();
  });

  it('don’t count where they were restored themselves', async () => {
    await open();
    await forget();
    const copy = copyOf('gamma');
    network.stop('gamma');
    network.useStores('gamma', copy);
    await network.start('gamma', { store: 'gamma 2' });
    await network.start('delta', { store: 'another store' });
    await until(() => logged('attestation-refused').length > 0);
    await until(() => logged('attestation-refused', 'gamma').length > 0);
    assert.equal(record('gamma').floor, null);
    assert.equal(record('delta').floor, null);
  });
});

describe('a small ledger', () => {
  it('of two goes on after one was restored', async () => {
    await open({ members: ['alpha', 'delta'] });
    await raiseMany(['alpha', 'delta'], 3);
    const copy = copyOf('delta');
    await raiseMany(['alpha', 'delta'], 8);
    network.stop('delta');
    network.useStores('delta', copy);
    await network.start('delta', { store: 'another store' });
    await signsAgain('delta');
    await raiseMany(['delta', 'alpha'], 6);
    assert.equal((await raise('delta')).value, 18);
  });

  it('of three goes on after one was restored', async () => {
    await open({ members: ['alpha', 'beta', 'delta'] });
    await raiseMany(['alpha', 'delta'], 3);
    const copy = copyOf('delta');
    await raiseMany(['alpha', 'delta'], 8);
    network.stop('delta');
    network.useStores('delta', copy);
    await network.start('delta', { store: 'another store' });
    await signsAgain('delta');
    await untilSigned('delta', 'alpha');
    network.stop('beta');
    await raiseMany(['delta', 'alpha'], 4);
    noViolation();
  });

  it('of one does nothing more until its operator accepts the loss', async () => {
    await open({ members: ['delta'] });
    await raiseMany(['delta'], 2);
    const copy = copyOf('delta');
    await raiseMany(['delta'], 2);
    network.stop('delta');
    network.useStores('delta', copy);
    await network.start('delta', { store: 'another store' });
    const { replica } = network.node('delta');
    const proposal = {
      epoch: 1,
      round: 99,
      block: replica.head.id,
      qc: replica.record.highQc,
      tc: null,
    };
    assert.ok('refuse' in decideProposal(replica.record, network.ledger, proposal));
    assert.equal(replica.alarmAt, null, 'there is nobody to ask');
    network.stop('delta');
    await network.start('delta', { store: 'another store', acceptLoss: true });
    assert.equal((await raise('delta')).value, 3);
  });
});
