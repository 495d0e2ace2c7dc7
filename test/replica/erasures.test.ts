/** Erasure by the ledger: at every holder, for good, confirmed by all; also after a restore. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { Rejected } from '../../shared/ledger/rejection.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { lookForErasures } from '../../shared/replica/erasures.ts';
import { contracts } from '../../workloads/catalog.ts';
import { custodialCall } from '../support/custodial-call.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { LocalNetwork } from '../support/local-network.ts';
import { until } from '../support/until.ts';

const all = catalog([...contracts.entries, ...dealCatalog.entries]);
const MEMBERS = ['alpha', 'beta', 'gamma', 'delta'];
const IDENTITIES = [
  { member: 'alpha', name: 'clerk', roles: [] },
  { member: 'delta', name: 'auditor', roles: ['deal.auditor'] },
  { member: 'gamma', name: 'court', roles: ['confidential.guardian'] },
];
const VALUES = { buyer: 'beta', price: 987_613, remark: 'canary-remark' };

let network: LocalNetwork;

const submit = (
  ...[member, identity, contract, method, args]: [string, string, string, string, object]
) => custodialCall(network, member, identity, contract, method, args);

async function make(name: string): Promise<Digest> {
  const args = { deal: name, ...VALUES };
  const { id, status } = await submit('alpha', 'clerk', 'deal', 'make', args);
  assert.equal(status, 'committed');
  return id;
}

const erase = (records: readonly Digest[]) =>
  submit('alpha', 'admin', 'confidential', 'erase', { records });

const erasedAt = async (member: string, id: Digest): Promise<boolean> => {
  const values = await network.values(member, id);
  return values instanceof Rejected && values.rejection.code === 'erased';
};

/** Names of what rests in a member's vault of a transaction’s values. */
const restsOf = (member: string, id: Digest): string[] =>
  [...network.vaultEntries(member).keys()].filter(
    (name) => name.includes(id) && /^(values|due)\//.test(name),
  );

async function confirmations(erasure: string): Promise<string[]> {
  const answer = await network
    .service('alpha')
    .query('confidential', 'erasure', { erasure }, undefined);
  assert.ok(!(answer instanceof Rejected), JSON.stringify(answer));
  const { confirmations: all } = answer.output as { confirmations: { member: string }[] };
  return all.map(({ member }) => member);
}

async function due(): Promise<string[]> {
  const answer = await network
    .service('alpha')
    .query('confidential', 'due', { limit: 100 }, undefined);
  assert.ok(!(answer instanceof Rejected), JSON.stringify(answer));
  return (answer.output as { due: string[] }).due;
}

describe('erased values', () => {
  beforeEach(async () => {
    network = await LocalNetwork.open({
      ...{ members: MEMBERS, catalog: all, identities: IDENTITIES, vaults: true },
    });
  });
  afterEach(() => network.close());

  it('are in no vault any more; every member confirms; the receipt verifies as before', async () => {
    const id = await make('d-1');
    const kept = await make('d-2');
    for (const member of ['alpha', 'beta', 'delta']) assert.equal(restsOf(member, id).length, 1);
    const { result } = await erase([id]);
    assert.equal(result.status, 'committed');
    const { erasure } = (result as unknown as { output: { erasure: string } }).output;
    await until(() => MEMBERS.every((member) => restsOf(member, id).length === 0));
    for (const member of MEMBERS) await until(() => erasedAt(member, id));
    await until(async () => (await confirmations(erasure)).length === MEMBERS.length);
    assert.deepEqual((await confirmations(erasure)).sort(), [...MEMBERS].sort());
    const receipt = await network.service('alpha').receipt(id);
    assert.equal(verifyReceipt(receipt, network.ledger).verdict, 'VALID');
    assert.ok(await network.vaultOf('beta').read(kept), 'others stay');
    const again = await erase([id]);
    assert.equal(again.status, 'rejected');
  });

  it('are in no backup either after a time that members’ nodes state', async () => {
    const days = async (member: string, count: number): Promise<void> => {
      Object.assign(network.node(member).replica, { backupDays: count });
      lookForErasures(network.node(member).replica);
      await until(async () => {
        const answer = await network
          .service('alpha')
          .query('confidential', 'backups', {}, undefined);
        assert.ok(!(answer instanceof Rejected));
        const { backups } = answer.output as { backups: { member: string; days: number }[] };
        return backups.some((one) => one.member === member && one.days === count);
      });
    };
    await days('delta', 30);
    await days('delta', 7);
    await days('beta', 0);
    const { result } = await erase([await make('d-1')]);
    const { erasure } = (result as unknown as { output: { erasure: string } }).output;
    await until(async () => (await confirmations(erasure)).length === MEMBERS.length);
    const answer = await network
      .service('alpha')
      .query('confidential', 'erasure', { erasure }, undefined);
    assert.ok(!(answer instanceof Rejected));
    const { confirmations: found } = answer.output as {
      confirmations: { member: string; at: number; backupsUntil: number | null }[];
    };
    const longer = found.map(({ member, at, backupsUntil }) => [
      member,
      backupsUntil === null ? null : (backupsUntil - at) / 86_400_000,
    ]);
    assert.deepEqual(Object.fromEntries(longer), { alpha: null, beta: 0, gamma: null, delta: 7 });
  });

  it('don’t come back with a delivery that was late, or that goes on', async () => {
    const id = await make('d-1');
    const before = (await network.vaultOf('alpha').read(id))!;
    const key = network.vaultKeyOf('beta');
    const late = await network.vaultOf('alpha').wrap(key, [before]);
    await erase([id]);
    await until(() => restsOf('beta', id).length === 0);
    assert.equal(
      await network.vaultOf('beta').keep((await network.vaultOf('beta').unwrap(late))[0]!),
      false,
    );
    assert.equal(await network.vaultOf('beta').read(id), undefined);
    assert.deepEqual(restsOf('beta', id), []);
  });

  it('are erased again from a vault of a backup, and not served in between', async () => {
    const id = await make('d-1');
    const backup = new Map(network.vaultEntries('beta'));
    network.stop('beta');
    await erase([id]);
    const entries = network.vaultEntries('beta');
    entries.clear();
    for (const [name, bytes] of backup) entries.set(name, bytes);
    assert.equal(restsOf('beta', id).length, 1);
    await network.start('beta');
    await until(() => erasedAt('beta', id));
    await until(() => restsOf('beta', id).length === 0);
    // Its ledger has the erasure, its vault an older state: it is applied when it starts.
    network.stop('beta');
    entries.clear();
    for (const [name, bytes] of backup) entries.set(name, bytes);
    await network.start('beta');
    assert.ok(await erasedAt('beta', id));
    await until(() => restsOf('beta', id).length === 0);
  });

  it('are not erased while somebody holds them back', async () => {
    const id = await make('d-1');
    const records = [id];
    const held = await submit('gamma', 'court', 'confidential', 'hold', { records });
    assert.equal(held.status, 'committed');
    const refused = await erase(records);
    assert.equal(refused.status, 'rejected');
    assert.ok(JSON.stringify(refused.result).includes('"held"'));
    assert.equal(restsOf('beta', id).length, 1);
    await submit('gamma', 'court', 'confidential', 'release', { records });
    assert.equal((await erase(records)).status, 'committed');
  });

  it('that are held or another’s keep no others from being erased on time', async () => {
    const quote = async (): Promise<Digest> => {
      const { id, status } = await submit('alpha', 'clerk', 'deal', 'quote', { price: 4711 });
      assert.equal(status, 'committed');
      return id;
    };
    // As many as are looked at in one go, and more.
    const held = await Promise.all(Array.from({ length: 70 }, quote));
    const hold = await submit('gamma', 'court', 'confidential', 'hold', { records: held });
    assert.equal(hold.result.status, 'committed');
    const id = await quote();
    const look = (member: string): void => lookForErasures(network.node(member).replica);
    await until(() => {
      look('alpha');
      return restsOf('delta', id).length === 0;
    });
    assert.ok(held.every((one) => restsOf('delta', one).length === 1));
    await submit('gamma', 'court', 'confidential', 'release', { records: held });
    const before = network.node('alpha').replica.head.header.height!;
    await until(() => {
      look('alpha');
      return held.every((one) => restsOf('delta', one).length === 0);
    });
    // What is due together is erased together: a few transactions, and each member's word for each of them.
    await until(async () => (await due()).length === 0);
    const after = network.node('alpha').replica.head.header.height!;
    const calls = await network.service('alpha').blocks(after + 1, after - before);
    const count = calls.flatMap(({ transactions }) => transactions ?? []).length;
    assert.ok(count < held.length, `${count} transactions`);
  });

  it('are looked for from where the last look ended', async () => {
    const { replica } = network.node('alpha');
    const vault = network.vaultOf('alpha');
    const { id } = await submit('alpha', 'clerk', 'deal', 'quote', { price: 1 });
    await until(() => {
      lookForErasures(replica);
      return restsOf('delta', id).length === 0;
    });
    await until(async () => (await vault.dueFrom())?.endsWith(id) === true);
    const { state } = replica.ports;
    const scan = state.scan.bind(state);
    const from: string[] = [];
    Object.assign(state, {
      scan: (...call: Parameters<typeof scan>) => {
        if (call[0].from.startsWith('confidential/due/')) from.push(call[0].from);
        return scan(...call);
      },
    });
    const next = await submit('alpha', 'clerk', 'deal', 'quote', { price: 2 });
    await until(() => {
      lookForErasures(replica);
      return restsOf('delta', next.id).length === 0;
    });
    assert.ok(from.length > 0);
    const { time } = (await network.service('alpha').block(1))!.header;
    for (const place of from) assert.ok(Number(place.slice(17, 33)) >= time, place);
  });

  it('go by their contract’s rule when their time is over', async () => {
    const { id } = await submit('alpha', 'clerk', 'deal', 'quote', { price: 4711 });
    assert.equal(restsOf('delta', id).length, 1);
    await until(() => {
      lookForErasures(network.node('alpha').replica);
      return restsOf('delta', id).length === 0;
    });
    assert.ok(await erasedAt('delta', id));
  });
});
