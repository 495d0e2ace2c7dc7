/** A member's vault is worked with by one node: not while it goes from one to another, and nobody else is given it. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { decodeReply, encodeRequest } from '../../shared/consensus/message.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { decodePage } from '../../shared/replica/serve-vault.ts';
import { type Saying, standingOf } from '../../shared/replica/tell.ts';
import { contracts } from '../../workloads/catalog.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { LocalNetwork, testKey } from '../support/local-network.ts';

const all = catalog([...contracts.entries, ...dealCatalog.entries]);
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: [] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
];
let network: LocalNetwork;

beforeEach(async () => {
  network = await LocalNetwork.open({
    ...{ members: ['alpha', 'beta', 'gamma', 'delta'], catalog: all },
    ...{ identities: IDENTITIES, vaults: true },
  });
});
afterEach(() => network.close());

const call = async (member: string, identity: string, method: string, args: object) => {
  const asked = { contract: 'deal', method, args: args as never, nonce: JSON.stringify(args) };
  const outcome = await network.service(member).submitCustodial(identity, asked, 10_000);
  return outcome instanceof Rejected ? outcome.rejection.code : outcome.status;
};

const sell = (deal: string) => call('alpha', 'clerk', 'sell', { deal, price: 500 });

async function say(from: string, saying: Saying) {
  const { replica } = network.node('beta');
  const request = { ...saying, standing: standingOf(replica) } as Parameters<
    typeof encodeRequest
  >[0];
  return decodeReply(await network.say(from, 'alpha', encodeRequest(request)));
}

describe('a vault whose key is not the registered one', () => {
  it('is not worked with: it takes nothing, gives nothing, and endorses nothing', async () => {
    assert.equal(await sell('d-1'), 'committed');
    const [held] = await network.vaultOf('delta').held({ limit: 1 });
    // As if delta's node had just taken the place of another one, whose vault it has not got yet.
    const { jwk } = testKey();
    const listed = await network
      .service('delta')
      .query('identity', 'keys', { member: 'delta', limit: 9 }, undefined);
    assert.ok(!(listed instanceof Rejected));
    const { identities } = listed.output as { identities: { name: string; keyId: string }[] };
    const { keyId } = identities.find(({ name }) => name === 'vault')!;
    const rotate = { contract: 'identity', method: 'rotate', args: { keyId, jwk: { ...jwk } } };
    const rotated = await network.service('delta').submitCustodial('admin', rotate, 10_000);
    assert.ok(!(rotated instanceof Rejected) && rotated.status === 'committed');
    // A node that starts looks; so does one that runs, when an epoch starts.
    network.stop('delta');
    network.reopenVault('delta');
    await network.start('delta');

    assert.equal(await call('delta', 'auditor', 'quote', { price: 5 }), 'vault-moving');
    assert.equal(await sell('d-2'), 'reader-unavailable');
    const reply = decodeReply(
      await network.say(
        'alpha',
        'delta',
        encodeRequest({
          ...{ kind: 'endorse', transactions: [held!.transaction.id] },
          standing: standingOf(network.node('alpha').replica),
        }),
      ),
    );
    assert.equal(reply.refusal, 'vault-moving');
    const moving = (await network.service('delta').vault())?.moving;
    assert.equal(moving?.rejection.got, 'coming');
  });
});

describe('a vault', () => {
  it('is given to nobody but its own member’s next node, and in no key that was not approved', async () => {
    assert.equal(await sell('d-1'), 'committed');
    const list = { kind: 'vault-entries', after: null, names: [], closing: false } as const;
    for (const saying of [
      list,
      { ...list, names: ['values/ab'] },
      { kind: 'vault-part', name: 'ab'.repeat(16), part: 0 } as const,
    ]) {
      assert.equal((await say('beta', saying)).refusal, 'forbidden');
    }
    const page = decodePage((await say('alpha', list)).parts[0]);
    assert.deepEqual([page.isClosed, page.isLast], [false, true]);
    const names = page.entries.map(({ name }) => name);
    assert.ok(names.some((name) => name.startsWith('values/')));
    assert.equal((await say('alpha', { ...list, names })).refusal, 'no-vault-key');
  });
});
