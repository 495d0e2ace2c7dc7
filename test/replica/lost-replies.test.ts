/** A store that did what it was asked and failed to say so: the process goes on from what is stored. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { memoryStores } from '../../node/memory/stores.ts';
import type { NodeStores } from '../../node/node-stores.ts';
import { decodeRecord } from '../../shared/consensus/record.ts';
import { DEFAULT_PARAMETERS } from '../../shared/ledger/limits.ts';
import type { RecordName, VersionedRecord } from '../../shared/ports/head-store.ts';
import { Governed, governedCatalog } from '../support/governed.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const OTHERS = ['alpha', 'beta', 'gamma'];
let network: LocalNetwork;
afterEach(() => network?.close());

/** Stores whose head store loses the reply of the swaps that `isLost` names. */
function losing(isLost: (name: RecordName, next: VersionedRecord) => boolean): NodeStores {
  const stores = memoryStores();
  const { heads } = stores;
  return {
    ...stores,
    heads: {
      read: (name) => heads.read(name),
      async swap(name, expected, next) {
        const isSwapped = await heads.swap(name, expected, next);
        if (expected > 0 && isLost(name, next)) throw new Error('the reply is lost');
        return isSwapped;
      },
    },
  };
}

const heightOf = (member: string): number => network.node(member).replica.head.header.height!;

for (const record of ['head', 'safety', 'retained'] as const) {
  it(`finishes a snapshot whatever replies of its ${record} record were lost`, async () => {
    network = new LocalNetwork({
      members: MEMBERS,
      catalog: governedCatalog,
      replica: { catchUp: { snapshotBehind: 3, waitMs: 300 } },
    });
    let lost = 0;
    network.useStores(
      'delta',
      losing((name) => name === record && lost++ < 8),
    );
    for (const member of OTHERS) await network.start(member);
    const ledger = new Governed(network);
    const raise = (member: string) => ledger.call(member, 'counter', 'raise', { name: 'a', by: 1 });
    for (let block = 0; block < 8; block++) await raise('alpha');
    const { replica } = await network.start('delta');
    await until(() => heightOf('delta') >= 8);
    await raise('delta');
    await until(() => MEMBERS.every((member) => heightOf(member) === heightOf('alpha')));
    assert.ok(replica.retained.state > 0, 'it took a snapshot');
    assert.equal(replica.stopped, false);
  });
}

it('goes on in the next epoch after the reply to its last vote in the old one was lost', async () => {
  network = new LocalNetwork({ members: MEMBERS, catalog: governedCatalog });
  let isBad = false;
  network.useStores(
    'beta',
    losing((name, { bytes }) => isBad && name === 'safety' && decodeRecord(bytes).epoch === 1),
  );
  for (const member of MEMBERS) await network.start(member);
  const ledger = new Governed(network);
  await ledger.call('beta', 'counter', 'raise', { name: 'a', by: 1 });
  isBad = true;
  const parameters = { ...DEFAULT_PARAMETERS, baseTimeoutMs: 300 };
  await ledger.decide({ kind: 'set-parameters', parameters }, OTHERS);
  const epochs = () => MEMBERS.map((member) => network.node(member).replica.epoch.set.epoch);
  await until(() => epochs().every((epoch) => epoch === 2));
  for (const member of MEMBERS) {
    await ledger.call(member, 'counter', 'raise', { name: 'a', by: 1 });
  }
  const { replica } = network.node('beta');
  await until(() => heightOf('beta') === heightOf('alpha'));
  assert.equal(replica.stopped, false);
  const stored = await network.storesOf('beta').heads.read('safety');
  await until(async () => decodeRecord(stored!.bytes).epoch <= replica.record.epoch);
  assert.equal(replica.record.epoch, 2);
});
