/** What a member reads by its role and does not get: its node asks for it, disputes it on the ledger, and settles that. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { decodeReply, decodeRequest, encodeReply } from '../../shared/consensus/message.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { checkDeliveries } from '../../shared/replica/check-deliveries.ts';
import { contracts } from '../../workloads/catalog.ts';
import { custodialCall } from '../support/custodial-call.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const all = catalog([...contracts.entries, ...dealCatalog.entries]);
const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: ['confidential.steward'] },
  { member: 'gamma', name: 'auditor', roles: ['deal.auditor'] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
];
const VALUES = { buyer: 'beta', price: 987_613 };
const MINUTE_MS = 60_000;

let network: LocalNetwork;

/** Has all nodes look, as they would so much later. */
async function look(laterMs: number, members = MEMBERS): Promise<void> {
  for (const member of members) {
    const { replica } = network.node(member);
    await checkDeliveries(replica, network.vaultOf(member), Date.now() + laterMs);
  }
}

async function make(method = 'make', deal = 'd-1'): Promise<Digest> {
  const { id, status } = await custodialCall(network, 'alpha', 'clerk', 'deal', method, {
    ...{ deal, ...VALUES },
  });
  assert.equal(status, 'committed');
  const { height } = network.node('alpha').replica.head.header;
  await until(() =>
    MEMBERS.every((member) => network.node(member).replica.head.header.height! >= height!),
  );
  return id;
}

/** Who disputes a transaction's values, and why; with what is settled. */
async function disputes(id: Digest): Promise<string[]> {
  const answer = await network
    .service('beta')
    .query('confidential', 'record', { record: id }, undefined);
  assert.ok(!(answer instanceof Rejected), JSON.stringify(answer));
  const { disputes: found } = answer.output as {
    disputes: { member: string; reason: string; settledAt: number | null }[];
  };
  return found.map(
    ({ member, reason, settledAt }) => `${member} ${reason}${settledAt === null ? '' : ' settled'}`,
  );
}

/** Takes the values out of members' vaults, as if they had never come. */
function lose(id: Digest, ...members: string[]): () => void {
  const lost = members.map((member) => {
    const entries = network.vaultEntries(member);
    const bytes = entries.get(`values/${id}`)!;
    entries.delete(`values/${id}`);
    return () => entries.set(`values/${id}`, bytes);
  });
  return () => {
    for (const giveBack of lost) giveBack();
  };
}

describe('values that a member reads by its role', () => {
  beforeEach(async () => {
    network = await LocalNetwork.open({
      ...{ members: MEMBERS, catalog: all, identities: IDENTITIES, vaults: true },
    });
    await look(0);
  });
  afterEach(() => network.close());

  it('are asked for where they did not come, from another reader where the owner gives none', async () => {
    const id = await make();
    lose(id, 'alpha', 'delta');
    await look(30 * MINUTE_MS);
    assert.ok(await network.vaultOf('delta').read(id));
    assert.deepEqual(await disputes(id), []);
  });

  it('are disputed by the nodes that lack them, and by no other, until they come', async () => {
    const id = await make();
    const giveBack = lose(id, 'alpha', 'gamma', 'delta');
    await look(30 * MINUTE_MS);
    const both = ['delta refused', 'gamma refused'];
    await until(async () => (await disputes(id)).length === 2);
    assert.deepEqual(await disputes(id), both);
    // Said once, however often it is looked for.
    await look(60 * MINUTE_MS);
    assert.deepEqual(await disputes(id), both);
    giveBack();
    lose(id, 'gamma', 'delta');
    await look(90 * MINUTE_MS);
    for (const member of ['gamma', 'delta']) assert.ok(await network.vaultOf(member).read(id));
    await until(async () => (await disputes(id)).every((one) => one.endsWith(' settled')));
  });

  it('are disputed as not what was signed, or not delivered, where that is so', async () => {
    const id = await make();
    lose(id, 'delta');
    network.interceptReply = (_from, _to, reply) => {
      const decoded = decodeReply(reply);
      const parts = decoded.parts.map((part) => part.map((byte, at) => byte ^ Number(at === 200)));
      return encodeReply({ ...decoded, parts });
    };
    await look(30 * MINUTE_MS, ['delta']);
    await until(async () => (await disputes(id)).length === 1);
    assert.deepEqual(await disputes(id), ['delta digest-mismatch']);
    network.interceptReply = (_from, _to, reply) => reply;
    lose(id, 'gamma');
    network.answer = async (_from, _to, request, reply) => {
      if (decodeRequest(request).kind === 'fetch-values') throw new Error('no answer');
      return reply;
    };
    await look(30 * MINUTE_MS, ['gamma']);
    await until(async () => (await disputes(id)).length === 2);
    assert.deepEqual(await disputes(id), ['delta digest-mismatch', 'gamma not-delivered']);
  });

  it('are asked for again however much else nobody gives', async () => {
    const ids = (
      await Promise.all(Array.from({ length: 105 }, (_, at) => make('make', `d-${at}`)))
    ).sort();
    const last = ids.at(-1)!;
    const giveBack = lose(last, 'alpha', 'gamma', 'delta');
    for (const id of ids.slice(0, -1)) lose(id, 'alpha', 'gamma', 'delta');
    await look(30 * MINUTE_MS, ['delta']);
    assert.equal((await network.vaultOf('delta').lacking({ limit: 200 })).length, 105);
    giveBack();
    lose(last, 'delta');
    let minutes = 30;
    await until(async () => {
      minutes += 30;
      await look(minutes * MINUTE_MS, ['delta']);
      return (await network.vaultOf('delta').read(last)) !== undefined;
    });
  });

  it('are looked for by those only whose roles read any: others read no block for it', async () => {
    await make();
    const { replica } = network.node('alpha');
    Object.assign(replica.ports.blocks, {
      get: () => Promise.reject(new Error('a block was read')),
    });
    await look(30 * MINUTE_MS, ['alpha']);
    const checked = await network.vaultOf('alpha').deliveriesChecked();
    assert.equal(checked!.height, replica.head.header.height);
  });

  it('are waited for as long as their contract gives them time', async () => {
    const id = await make('offer');
    lose(id, 'alpha', 'gamma', 'delta');
    // A minute by the contract, and ten more for the owner's node to bring it again.
    await look(10.9 * MINUTE_MS);
    assert.deepEqual(await disputes(id), []);
    await look(22 * MINUTE_MS);
    await until(async () => (await disputes(id)).length === 2);
  });
});
