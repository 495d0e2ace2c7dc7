/** A replica that stayed in memory goes on from what other invocations of its node made durable. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import type { NodeStores } from '../../node/node-stores.ts';
import type { Digest } from '../../shared/bytes/digest.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import { openReplica } from '../../shared/replica/open.ts';
import { type ReplicaOptions, Superseded } from '../../shared/replica/replica.ts';
import { isResumable, resumeReplica } from '../../shared/replica/resume.ts';
import { Governed, governedCatalog } from '../support/governed.ts';
import { LocalNetwork, type NetworkOptions } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
let network: LocalNetwork;
afterEach(() => network?.close());

/** Stores that count what is read and written by them. */
function counting(stores: NodeStores): { stores: NodeStores; counts: Record<string, number> } {
  const counts: Record<string, number> = {};
  const counted = <T extends object>(name: string, port: T): T =>
    new Proxy(port, {
      get(target, key) {
        const value = Reflect.get(target, key);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const call = `${name}.${String(key)}`;
          counts[call] = (counts[call] ?? 0) + 1;
          return value.apply(target, args);
        };
      },
    });
  const { heads, blocks, state, mempool, close } = stores;
  return {
    counts,
    stores: {
      heads: counted('heads', heads),
      blocks: counted('blocks', blocks),
      state: counted('state', state),
      mempool: counted('mempool', mempool),
      close,
    },
  };
}

/** An invocation of a member's node that is not its process. */
function invocationOf(member: string): { options: ReplicaOptions; counts: Record<string, number> } {
  const { stores, counts } = counting(network.storesOf(member));
  const { heads, blocks, state, mempool } = stores;
  const refuse = (): Promise<never> => Promise.reject(new Error('nothing is sent or signed here'));
  const options: ReplicaOptions = {
    genesis: network.genesis,
    member,
    catalog: governedCatalog,
    store: member,
    log: () => {},
    invocation: 'another',
    ports: {
      ...{ heads, blocks, state, mempool },
      signer: { holds: () => true, sign: refuse },
      peers: { request: refuse },
      time: { now: Date.now, alarm: () => {}, after: () => () => {} },
    },
  };
  return { options, counts };
}

const headOf = (member: string) => network.node(member).replica.head;

async function opened(replica: NetworkOptions['replica'] = {}): Promise<Governed> {
  network = await LocalNetwork.open({ members: MEMBERS, catalog: governedCatalog, replica });
  const ledger = new Governed(network);
  await ledger.call('alpha', 'counter', 'raise', { name: 'a', by: 1 });
  await until(() => MEMBERS.every((member) => headOf(member).id === headOf('alpha').id));
  return ledger;
}

it('follows what another invocation committed, and writes nothing again', async () => {
  const ledger = await opened();
  const { options, counts } = invocationOf('beta');
  const left = await openReplica(options);
  const before = left.head.header.height!;
  for (let block = 0; block < 3; block++) {
    await ledger.call('alpha', 'counter', 'raise', { name: 'a', by: 1 });
  }
  await until(() => headOf('beta').id === headOf('alpha').id);
  for (const call of Object.keys(counts)) counts[call] = 0;
  const replica = await resumeReplica(options, left, 'read');
  assert.ok(replica.head.header.height! > before);
  assert.equal(replica.head.id, headOf('beta').id);
  assert.deepEqual(replica.head, headOf('beta'), 'with all that a child needs of it');
  const writes = ['heads.swap', 'blocks.put', 'state.write', 'mempool.add'];
  assert.deepEqual(
    writes.map((call) => counts[call] ?? 0),
    [0, 0, 0, 0],
  );
  const value = await replica.final.read('counter/value/a');
  assert.deepEqual(value, await network.node('beta').replica.final.read('counter/value/a'));
});

it('reads the two records only, where nothing moved', async () => {
  await opened();
  const { options, counts } = invocationOf('gamma');
  const left = await openReplica(options);
  for (const call of Object.keys(counts)) counts[call] = 0;
  const replica = await resumeReplica(options, left, 'read');
  assert.equal(replica.head.id, headOf('gamma').id);
  const called = Object.entries(counts).filter(([, count]) => count > 0);
  assert.deepEqual(Object.fromEntries(called), { 'heads.read': 2, 'mempool.list': 1 });
});

it('has a new replica opened where another epoch began meanwhile', async () => {
  const ledger = await opened();
  const { options } = invocationOf('gamma');
  const left = await openReplica(options);
  const parameters = { ...DEFAULT_PARAMETERS, baseTimeoutMs: 300 };
  await ledger.decide({ kind: 'set-parameters', parameters }, MEMBERS.slice(0, 3));
  await until(() => network.node('gamma').replica.epoch.set.epoch === 2);
  await assert.rejects(resumeReplica(options, left, 'read'), Superseded);
  assert.equal((await openReplica(options)).epoch.set.epoch, 2);
});

it('has a new replica opened where another invocation took a snapshot, though it has all blocks', async () => {
  const ledger = await opened({ catchUp: { snapshotBehind: 1 } });
  network.stop('delta');
  const { options } = invocationOf('delta');
  const left = await openReplica(options);
  const before = left.head.header.height!;
  for (let block = 0; block < 4; block++) {
    await ledger.call('alpha', 'counter', 'raise', { name: `n${block}`, by: 1 });
  }
  const behind = await network.start('delta');
  await until(() => behind.replica.snapshot > 0 && headOf('delta').id === headOf('alpha').id);
  assert.ok(behind.replica.snapshot > before + 1);
  // The bodies arrive too: of proposals that this invocation took, or of a catch-up that lost the race.
  const stores = { delta: network.storesOf('delta'), alpha: network.storesOf('alpha') };
  for (let height = before + 1; height <= headOf('alpha').header.height!; height++) {
    const [id] = await stores.alpha.state.items([`block/${height}`]);
    const name = Buffer.from(id!).toString('hex') as Digest;
    await stores.delta.blocks.put(name, (await stores.alpha.blocks.get(name))!);
  }
  // Executed here, pages would have other names than the snapshot gave them.
  await assert.rejects(resumeReplica(options, left, 'read'), Superseded);
  const reopened = await openReplica(options);
  assert.deepEqual(reopened.head.tree, headOf('delta').tree);
  assert.notDeepEqual(reopened.head.tree.version, headOf('alpha').tree.version);
  assert.equal(reopened.head.tree.hash, headOf('alpha').tree.hash);
});

it('goes on from no replica that something still waits in', async () => {
  await opened();
  const { options } = invocationOf('gamma');
  const left = await openReplica(options);
  assert.equal(isResumable(left), true);
  left.background.add(new Promise(() => {}));
  assert.equal(isResumable(left), false);
  left.background.clear();
  left.stopped = true;
  assert.equal(isResumable(left), false);
});
