import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { validatorIndex } from '../../shared/consensus/validators.ts';
import { enough } from '../../shared/replica/enough.ts';
import type { Replica } from '../../shared/replica/replica.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';

let network: LocalNetwork;
before(async () => {
  const members = ['alpha', 'beta', 'gamma', 'delta'];
  network = await LocalNetwork.open({ members, catalog: counterCatalog });
});
after(() => network?.close());

/** Calls of three members by one with four, and a clock that the test moves. */
function waiting({ passedOver }: { readonly passedOver?: string } = {}) {
  const { replica } = network.node('alpha');
  const { set } = replica.epoch;
  const timers = new Set<() => void>();
  const time = {
    now: () => 0,
    alarm() {},
    after(_ms: number, call: () => void) {
      timers.add(call);
      return () => timers.delete(call);
    },
  };
  const out = passedOver ? [validatorIndex(set, passedOver)] : [];
  const leaders = {
    epoch: set.epoch,
    passedOver: out.map((validator) => ({ validator, failures: 1, until: 99 })),
  };
  const asks = {
    ...replica,
    head: { ...replica.head, leaders },
    pending: new Map(),
    ports: { ...replica.ports, time },
  } as Replica;
  const answers = new Map<string, (isAnswer: boolean) => void>();
  const calls = ['beta', 'gamma', 'delta'].map((member) => {
    const call = new Promise<boolean>((resolve) => answers.set(member, resolve));
    return [member, call] as const;
  });
  let isEnough = false;
  void enough(asks, new Map(calls)).then(() => {
    isEnough = true;
  });
  return {
    async isEnough() {
      await turn();
      return isEnough;
    },
    answer: (member: string, isAnswer = true) => answers.get(member)!(isAnswer),
    momentPasses: () => {
      for (const call of timers) call();
    },
    timers,
  };
}

describe('answers', () => {
  it('of all are waited for, but the last one for a moment only once a quorum has answered', async () => {
    const { isEnough, answer, momentPasses, timers } = waiting();
    answer('beta');
    assert.equal(await isEnough(), false);
    assert.equal(timers.size, 0, 'one answer and one’s own are no quorum');
    answer('gamma');
    assert.equal(await isEnough(), false);
    momentPasses();
    assert.equal(await isEnough(), true);
  });

  it('of all are enough at once, and leave no timer behind', async () => {
    const { isEnough, answer, timers } = waiting();
    for (const member of ['beta', 'gamma', 'delta']) {
      answer(member);
      await turn();
    }
    assert.equal(await isEnough(), true);
    assert.equal(timers.size, 0);
  });

  it('of a validator that the chain passes over are not waited for', async () => {
    const { isEnough, answer } = waiting({ passedOver: 'delta' });
    answer('beta');
    assert.equal(await isEnough(), false);
    answer('gamma');
    assert.equal(await isEnough(), true);
  });

  it('that don’t come are no part of a quorum: then everybody’s end is waited for', async () => {
    const { isEnough, answer } = waiting();
    answer('beta', false);
    answer('gamma');
    assert.equal(await isEnough(), false);
    answer('delta', false);
    assert.equal(await isEnough(), true);
  });

  it('reject where this node itself is at fault', async () => {
    const { replica } = network.node('alpha');
    const failing = new Map([['beta', Promise.reject(new Error('the store failed'))]]);
    await assert.rejects(enough(replica, failing), /the store failed/);
  });
});
