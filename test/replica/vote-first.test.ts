/** A leader waits for votes: what a follower commits, it commits after its vote. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { memoryStores } from '../../node/memory/stores.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import { decodeRequest } from '../../shared/consensus/message.ts';
import { decodeRecord } from '../../shared/consensus/record.ts';
import { decodeBlock } from '../../shared/ledger/block.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { decodeHead } from '../../shared/replica/head.ts';
import { leaderNow } from '../../shared/replica/replica.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
let network: LocalNetwork;
afterEach(() => network?.close());

/** Memory stores that write down in which order votes are saved and the head moves, by their rounds. */
function noting(order: string[]): NodeStores {
  const stores = memoryStores();
  const { heads } = stores;
  return {
    ...stores,
    heads: {
      read: (name) => heads.read(name),
      async swap(name, expected, next) {
        const isSwapped = await heads.swap(name, expected, next);
        if (name === 'head') order.push(`head ${decodeHead(next.bytes).header.round}`);
        if (name !== 'safety') return isSwapped;
        const { statement } = decodeRecord(next.bytes);
        if (statement?.kind === 'vote') order.push(`vote ${statement.round}`);
        return isSwapped;
      },
    },
  };
}

it('a follower votes for a block before it commits what the block’s certificate makes final', async () => {
  const identities = MEMBERS.map((member) => ({ member, name: 'user', roles: ['counter.user'] }));
  network = new LocalNetwork({
    ...{ members: MEMBERS, catalog: counterCatalog, identities },
    // One leader for the whole test.
    parameters: { tenureRounds: 1000 },
  });
  const orders = new Map(MEMBERS.map((member) => [member, [] as string[]]));
  for (const member of MEMBERS) network.useStores(member, noting(orders.get(member)!));
  for (const member of MEMBERS) await network.start(member);
  const leader = leaderNow(network.node('alpha').replica);
  const raise = async (): Promise<void> => {
    const signed = network.signed(`${leader}/user`, 'counter', 'raise', { name: 'x', by: 1 });
    const transaction = parseTransaction(signed);
    assert.ok(!(transaction instanceof Rejected));
    const status = await network.service(leader).submit(transaction, 20_000);
    assert.ok(!(status instanceof Rejected) && status.status === 'committed');
  };
  // While the votes for a block are waited for, the next one's transaction comes, so that the burst goes on. It comes
  // to the leader: who brings it transactions hears of certificates in its replies, too.
  const raised = [raise()];
  const full = new Set<number>();
  network.intercept = (_from, _to, message) => {
    const request = decodeRequest(message);
    if (request.kind !== 'proposal') return message;
    const { header, transactions } = decodeBlock(request.block);
    if (transactions.length === 0 || full.has(header.round)) return message;
    full.add(header.round);
    if (raised.length < 30) raised.push(raise());
    return message;
  };
  while (raised.length < 30) await raised.at(-1);
  await Promise.all(raised);
  const heights = () => MEMBERS.map((member) => network.node(member).replica.head.header.height);
  await until(() => new Set(heights()).size === 1);
  for (const member of MEMBERS.filter((one) => one !== leader)) {
    const order = orders.get(member)!;
    // Rounds in the middle of a burst: the block brings the certificate that makes the last but one final.
    const followed = [...full].filter(
      (round) => round > 2 && full.has(round - 1) && order.includes(`vote ${round}`),
    );
    assert.ok(followed.length > 5, `${member} followed ${followed.length} full blocks`);
    for (const round of followed) {
      const [vote, head] = [order.indexOf(`vote ${round}`), order.indexOf(`head ${round - 2}`)];
      assert.ok(vote < head, `${member}: ${order.slice(head, vote + 1)}`);
    }
  }
});
