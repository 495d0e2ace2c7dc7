import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { decodeRequest } from '../../shared/consensus/message.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { statusOf } from '../../shared/replica/submit.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
// The validators in the order of their ids: the first leads the first tenure.
const [LEADER, ...OTHERS] = ['alpha', 'beta', 'gamma', 'delta'] as const;
let network: LocalNetwork;
afterEach(() => network?.close());

describe('a leader that is lost for good', () => {
  it('right after its proposal leaves its transactions to the others, and they come to rest', async () => {
    network = await LocalNetwork.open({ members: MEMBERS, catalog: counterCatalog });
    const proposed = new Set<string>();
    network.answer = (_from, to, request, reply) => {
      if (decodeRequest(request).kind !== 'proposal') return reply;
      proposed.add(to);
      // No vote comes back: the transaction is nowhere but in this block, and in the leader's store.
      throw new Error('the reply is lost');
    };
    const signed = network.signed('alpha/admin', 'counter', 'raise', { name: 'a', by: 1 });
    const transaction = parseTransaction(signed);
    assert.ok(!(transaction instanceof Rejected));
    void network.service(LEADER).submit(transaction, 0);
    await until(() => proposed.size === OTHERS.length);
    network.stop(LEADER);
    network.answer = (_from, _to, _request, reply) => reply;

    for (const member of OTHERS) {
      await until(async () => {
        const status = await statusOf(network.node(member).replica, transaction.id);
        return status?.status === 'committed';
      });
    }
    await until(() => OTHERS.every((member) => network.node(member).replica.alarmAt === null));
  });
});
