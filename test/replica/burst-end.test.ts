/** Who hears of a burst's last certificate, and when. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { decodeRequest } from '../../shared/consensus/message.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import type { HeadStore } from '../../shared/ports/head-store.ts';
import type { Time } from '../../shared/ports/time.ts';
import { leaderNow, type Replica } from '../../shared/replica/replica.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const MEANWHILE_MS = 10;
let network: LocalNetwork;
let leader: Replica;
/** A member whose clients call, and the two that have none. */
let caller: string;
let others: string[];
/** The moments that the leader waits before it tells the others, for the test to end. */
let moments: (() => void)[];
/** Whom the leader brought its standing without a block. */
let told: string[];

beforeEach(async () => {
  const identities = MEMBERS.map((member) => ({ member, name: 'user', roles: ['counter.user'] }));
  network = await LocalNetwork.open({
    ...{ members: MEMBERS, catalog: counterCatalog, identities },
    parameters: { tenureRounds: 1000 },
  });
  leader = network.node(leaderNow(network.node('alpha').replica)).replica;
  [caller = '', ...others] = MEMBERS.filter((member) => member !== leader.member);
  [moments, told] = [[], []];
  const { time } = leader.ports;
  const after: Time['after'] = (ms, work) => {
    if (ms !== MEANWHILE_MS) return time.after(ms, work);
    moments.push(work);
    return () => {};
  };
  Object.assign(leader.ports, { time: { ...time, after } });
  network.intercept = (from, to, message) => {
    if (from === leader.member && decodeRequest(message).kind === 'tidings') told.push(to);
    return message;
  };
});
afterEach(() => network.close());

async function raise(): Promise<void> {
  const signed = network.signed(`${caller}/user`, 'counter', 'raise', { name: 'x', by: 1 });
  const transaction = parseTransaction(signed);
  assert.ok(!(transaction instanceof Rejected));
  const status = await network.service(caller).submit(transaction, 20_000);
  assert.ok(!(status instanceof Rejected) && status.status === 'committed');
}

const heightOf = (member: string): number => network.node(member).replica.head.header.height!;

describe('a burst’s last certificate', () => {
  it('goes at once to whose clients wait for it, and to the others a moment later', async () => {
    const before = heightOf(others[0]!);
    await raise();
    await until(() => moments.length === 1);
    assert.deepEqual(told, [caller]);
    assert.equal(heightOf(caller), before + 1);
    assert.deepEqual(others.map(heightOf), [before, before]);
    moments[0]!();
    await until(() => others.every((member) => heightOf(member) === heightOf(caller)));
    assert.deepEqual(told.toSorted(), [caller, ...others].toSorted());
  });

  it('is on its way while the leader itself commits', async () => {
    const { heads } = leader.ports;
    const held = Promise.withResolvers<void>();
    const swap: HeadStore['swap'] = async (name, ...rest) => {
      if (name === 'head') await held.promise;
      return heads.swap(name, ...rest);
    };
    Object.assign(leader.ports, { heads: { ...heads, swap } });
    const before = heightOf(leader.member);
    await raise();
    assert.equal(heightOf(leader.member), before);
    held.resolve();
    await until(() => heightOf(leader.member) === before + 1);
  });

  it('is not brought again to whom the next block has brought it', async () => {
    await raise();
    await until(() => moments.length === 1);
    await raise();
    await until(() => moments.length === 2);
    moments[0]!();
    moments[1]!();
    await until(() => others.every((member) => heightOf(member) === heightOf(caller)));
    assert.deepEqual(told.toSorted(), [caller, caller, ...others].toSorted());
  });

  it('is brought to all where the next block was not proposed', async () => {
    await raise();
    await until(() => moments.length === 1);
    // A timeout raises the round as a block would.
    leader.record = { ...leader.record, votedRound: leader.record.votedRound + 1 };
    moments[0]!();
    await until(() => others.every((member) => heightOf(member) === heightOf(caller)));
  });
});
