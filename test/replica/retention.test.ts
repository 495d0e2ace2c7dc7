import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { nodeApp } from '../../shared/api/app.ts';
import type { TransactionStatus } from '../../shared/api/ledger-service.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { parseTransaction } from '../../shared/ledger/transaction.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { verifyStateProof } from '../../shared/proof/verify-state.ts';
import type { Retention } from '../../shared/replica/replica.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const KEPT = 6;
let network: LocalNetwork;
afterEach(() => network?.close());

async function open(retain: Retention, members = MEMBERS): Promise<void> {
  network = new LocalNetwork({
    members: MEMBERS,
    catalog: counterCatalog,
    replica: { retain, catchUp: { waitMs: 300 } },
  });
  for (const member of members) await network.start(member);
}

async function commit(name: string): Promise<TransactionStatus & { height: number }> {
  const parsed = parseTransaction(
    network.signed('alpha/admin', 'counter', 'raise', { name, by: 1 }),
  );
  assert.ok(!(parsed instanceof Rejected));
  const status = await network.service('alpha').submit(parsed, 15_000);
  assert.ok(!(status instanceof Rejected) && status.status === 'committed', JSON.stringify(status));
  return status;
}

const replicaOf = (member: string) => network.node(member).replica;
const heightOf = (member: string): number => replicaOf(member).head.header.height!;
const isPruned = (): boolean => {
  const { retained, pruning } = replicaOf('alpha');
  return !pruning && retained.bodies === heightOf('alpha') + 1 - KEPT;
};

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of any shape.
async function get(route: string): Promise<{ status: number; body: any }> {
  const keys = { find: () => undefined } as never;
  const app = nodeApp({ service: network.service('alpha'), keys });
  const response = await app.request(`/v1/consortia/demo${route}`);
  return { status: response.status, body: await response.json() };
}

describe('retention', () => {
  it('removes old bodies; headers, proofs and receipts that were given stay checkable', async () => {
    await open({ blocks: KEPT });
    const first = await commit('a');
    const receipt = plain(await network.service('alpha').receipt(first.id));
    for (let index = 0; index < 10; index++) await commit('a');
    await until(isPruned);
    const service = network.service('alpha');
    const { blocks, state } = replicaOf('alpha').ports;
    const summary = (await service.block(first.height))!;
    assert.equal(summary.transactions, null);
    assert.equal(await blocks.get(summary.id), undefined, 'the body is gone');
    assert.deepEqual(await state.items([`results/${first.height}`]), [undefined]);
    const verdict = verifyReceipt(receipt, network.ledger);
    assert.ok(verdict.verdict === 'VALID' && verdict.block.id === summary.id);

    const old = await service.state('counter/counter/a', first.height, true);
    assert.ok(!(old instanceof Rejected));
    assert.equal(verifyStateProof(plain(old.proof), network.ledger).verdict, 'VALID');

    const latest = await commit('a');
    const kept = verifyReceipt(plain(await service.receipt(latest.id)), network.ledger);
    assert.equal(kept.verdict, 'VALID');
  });

  it('is told precisely over HTTP', async () => {
    await open({ blocks: KEPT });
    const first = await commit('a');
    for (let index = 0; index < 10; index++) await commit('a');
    await until(isPruned);
    const { bodies } = replicaOf('alpha').retained;

    const gone = await get(`/transactions/${first.id}`);
    assert.equal(gone.status, 410);
    assert.equal(gone.body.code, 'not-retained');
    assert.equal(gone.body.height, first.height);
    assert.equal((await get(`/transactions/${first.id}/receipt`)).status, 410);

    const block = await get(`/blocks/${first.height}`);
    assert.equal(block.status, 200);
    assert.equal(block.body.transactions, null);
    assert.equal(block.body.header.height, first.height);

    const events = await get(`/events?from=${first.height}`);
    assert.equal(events.status, 410);
    assert.equal(events.body.expected, bodies);
    const rest = await get('/events');
    assert.equal(rest.status, 200);
    assert.ok(rest.body.length > 0 && rest.body[0].height >= bodies);

    assert.deepEqual((await get('/consensus')).body.retained, { state: 0, bodies });
  });

  it('by age keeps what is younger than the newest block by that much', async () => {
    for (const [days, removes] of [
      [1, false],
      [1e-9, true],
    ] as const) {
      await open({ blocks: 1, days });
      for (let index = 0; index < 6; index++) await commit('a');
      await until(() => !replicaOf('alpha').pruning);
      assert.equal(replicaOf('alpha').retained.bodies > 0, removes);
      network.close();
    }
  });

  it('survives a restart, and a new node takes a snapshot where nobody keeps the blocks', async () => {
    await open({ blocks: KEPT }, ['alpha', 'beta', 'gamma']);
    for (let index = 0; index < 10; index++) await commit('a');
    await until(isPruned);
    const { retained } = replicaOf('alpha');
    network.stop('alpha');
    await network.start('alpha');
    assert.deepEqual(replicaOf('alpha').retained, retained);
    await network.start('delta');
    await until(() => heightOf('delta') === heightOf('alpha'));
    assert.ok(replicaOf('delta').retained.state > 0);
    await commit('b');
  });

  it('lets a node that is behind less than that follow by blocks', async () => {
    await open({ blocks: KEPT });
    for (let index = 0; index < 6; index++) await commit('a');
    await until(() => heightOf('delta') === heightOf('alpha'));
    network.stop('delta');
    await commit('a');
    await network.start('delta');
    await until(() => heightOf('delta') === heightOf('alpha'));
    assert.equal(replicaOf('delta').retained.state, 0);
  });
});
