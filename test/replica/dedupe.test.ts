import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Rejected } from '../../shared/ledger/rejection.ts';
import {
  parseTransaction,
  type Transaction,
  transactionToJson,
} from '../../shared/ledger/transaction.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork, signBody, testKey } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
let network: LocalNetwork;
afterEach(() => network?.close());

const open = async (parameters = {}): Promise<void> => {
  network = await LocalNetwork.open({ members: MEMBERS, catalog: counterCatalog, parameters });
};

const parsed = (jws: string): Transaction => {
  const transaction = parseTransaction(jws);
  assert.ok(!(transaction instanceof Rejected));
  return transaction;
};

const raise = (notAfter: number, key = network.keys.get('alpha/admin')!): Transaction =>
  parsed(
    signBody(key, {
      ledger: network.ledger,
      contract: 'counter',
      method: 'raise',
      args: { name: 'a', by: 1 },
      nonce: 'fixed',
      notAfter,
    }),
  );

const value = async (member: string): Promise<unknown> => {
  const answer = await network.service(member).query('counter', 'read', { name: 'a' }, undefined);
  assert.ok(!(answer instanceof Rejected));
  return answer.output;
};

const codeOf = (answer: unknown): string | undefined =>
  answer instanceof Rejected ? answer.rejection.code : undefined;

describe('a transaction', () => {
  it('counts once, however often, wherever and with whatever signature it is sent', async () => {
    await open();
    const notAfter = Date.now() + 60_000;
    // ECDSA signatures differ each time; the id does not depend on them.
    const copies = Array.from({ length: 12 }, () => raise(notAfter));
    assert.equal(new Set(copies.map(({ id }) => id)).size, 1);
    const answers = await Promise.all(
      copies.map((copy, index) => network.service(MEMBERS[index % 4]!).submit(copy, 10_000)),
    );
    const places = answers.map((answer) => {
      assert.ok(!(answer instanceof Rejected) && answer.status === 'committed');
      return `${answer.height}/${answer.index}`;
    });
    assert.equal(new Set(places).size, 1);
    const later = await network.service('delta').submit(raise(notAfter), 5000);
    assert.ok(!(later instanceof Rejected) && later.status === 'committed');
    assert.equal(`${later.height}/${later.index}`, places[0]);
    assert.deepEqual(await value('alpha'), { value: 1 });
  });

  it('is refused outside its window, by an unknown key, or with a bad signature', async () => {
    await open({ transactionWindowMs: 60_000, clockToleranceMs: 1000 });
    const service = network.service('beta');
    const late = raise(Date.now() - 1);
    // A block that this node has not seen yet may hold it.
    assert.equal(codeOf(await service.submit(late, 100)), 'late');
    assert.equal(
      codeOf(await service.submit(raise(Date.now() + 3_600_000), 100)),
      'not-after-too-far',
    );
    assert.equal(
      codeOf(await service.submit(raise(Date.now() + 5000, testKey()), 100)),
      'unknown-key',
    );
    const good = transactionToJson(raise(Date.now() + 5000));
    const other = transactionToJson(raise(Date.now() + 6000));
    const forged = parsed(JSON.stringify({ ...good, signatures: other.signatures }));
    assert.equal(codeOf(await service.submit(forged, 100)), 'bad-signature');
    assert.deepEqual(await value('beta'), { value: 0 });
    const committed = await service.submit(raise(Date.now() + 5000), 5000);
    assert.ok(!(committed instanceof Rejected) && committed.status === 'committed');
    assert.equal(codeOf(await service.submit(late, 100)), 'expired');
  });

  it('that was held and met no leader expires, and says so', async () => {
    await open({ clockToleranceMs: 200, baseTimeoutMs: 100, timeoutMsMax: 200 });
    // The first leader is away, and two nodes make no quorum that could skip it.
    network.stop('alpha');
    network.stop('gamma');
    const held = await network.service('beta').submit(raise(Date.now() + 300), 50);
    assert.ok(!(held instanceof Rejected));
    assert.equal(held.status, 'pending');
    const statusNow = async () => (await network.service('beta').transaction(held.id))?.status;
    assert.equal(await statusNow(), 'pending');
    await until(() => network.node('beta').replica.alarmAt === null);
    assert.equal(await statusNow(), 'pending', 'nobody can know yet that it is in no block');
    await network.start('alpha');
    await network.start('gamma');
    const other = parsed(network.signed('alpha/admin', 'counter', 'raise', { name: 'a', by: 5 }));
    const answer = await network.service('beta').submit(other, 15_000);
    assert.ok(!(answer instanceof Rejected) && answer.status === 'committed');
    assert.equal(await statusNow(), 'expired');
    assert.deepEqual(await value('beta'), { value: 5 });
  });

  it('that is held survives a restart of its node', async () => {
    await open();
    network.stop('gamma');
    network.stop('delta');
    const held = await network.service('beta').submit(raise(Date.now() + 60_000), 100);
    assert.ok(!(held instanceof Rejected));
    assert.equal(held.status, 'pending');
    network.stop('beta');
    network.stop('alpha');
    for (const member of MEMBERS) await network.start(member);
    await until(
      async () => (await network.service('beta').transaction(held.id))?.status === 'committed',
      15_000,
    );
    assert.deepEqual(await value('beta'), { value: 1 });
  });

  it('is remembered in the state until its window is over, and not for long after; what is forgotten is not looked at again', async () => {
    await open({ transactionWindowMs: 400, clockToleranceMs: 200 });
    const submit = async (by: number) => {
      const jws = signBody(network.keys.get('alpha/admin')!, {
        ledger: network.ledger,
        contract: 'counter',
        method: 'raise',
        args: { name: 'b', by },
        nonce: `n${by}`,
        notAfter: Date.now() + 350,
      });
      const answer = await network.service('alpha').submit(parsed(jws), 5000);
      assert.ok(!(answer instanceof Rejected) && answer.status === 'committed');
    };
    const remembered = async (): Promise<number> => {
      const { ports, head } = network.node('alpha').replica;
      const range = { from: 'ledger/recent/', to: 'ledger/recent0', limit: 100 };
      return (await ports.state.scan(range, head.header.height!)).length;
    };
    const { replica } = network.node('alpha');
    const height = (): number => replica.head.header.height!;
    /** The first heights that blocks have looked for what is over. */
    const looked: number[] = [];
    const { now } = replica.ports.state;
    const { scan } = now!;
    Object.assign(now!, {
      scan: (...[range, at]: Parameters<typeof scan>) => {
        if (range.from.startsWith('ledger/recent/')) looked.push(Number(range.from.slice(-16)));
        return scan(range, at);
      },
    });
    let by = 0;
    while (height() < 33) await submit(++by);
    const first = Date.now();
    await until(() => Date.now() > first + 500);
    while (height() < 97) await submit(++by);
    // Those of the last blocks, and of as many before them as are forgotten at once.
    assert.ok((await remembered()) <= 64);
    assert.ok(looked.at(-1)! > 32, looked.join());
  });
});
