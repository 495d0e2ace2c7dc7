/**
 * Four nodes with stores and ports of their own, a seller’s, its customer’s, a tax bureau’s that reads everything, and one
 * that is nobody in the deal: who holds which values, in files, logs and answers.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pino } from 'pino';
import type { LocalConsortium, LocalLayout } from '../../node/local-layout.ts';
import { provision } from '../../node/local-provision.ts';
import { type RunningNode, startNode } from '../../node/server.ts';
import { catalog } from '../../shared/contract/catalog.ts';
import { contracts } from '../../workloads/catalog.ts';
import { dealCatalog } from '../support/deal-contract.ts';
import { legible } from '../support/legible.ts';
import { json } from '../support/node-api.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const DESCRIPTION: LocalConsortium = {
  format: 'fuqi-local-1',
  name: 'deals',
  members: [
    { id: 'shop', name: 'A shop', identities: { clerk: ['deal.seller'] } },
    { id: 'corp', name: 'Its customer', identities: {} },
    { id: 'bureau', name: 'The tax bureau', identities: { officer: ['deal.auditor'] } },
    { id: 'other', name: 'Nobody in this', identities: {} },
  ],
};
const PORT = 29_750;
const all = catalog([...contracts.entries, ...dealCatalog.entries]);
// The customer’s name is confidential too, but stands in files as the member that it is.
const VALUES = { buyer: 'corp', price: 987_613, remark: 'canary-remark-5f1c' };
const CANARIES = ['987613', 'canary-remark'];

let layout: LocalLayout;
const nodes = new Map<string, RunningNode>();
const logs = new Map<string, string[]>();
let id = '';

async function call(member: string, identity: string, at: string, body?: object) {
  const { keys } = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
  const response = await fetch(`${nodes.get(member)!.url}/v1/consortia/deals${at}`, {
    headers: {
      authorization: `Bearer ${keys[`${member}/${identity}`]}`,
      ...(body && { 'content-type': 'application/json', prefer: 'wait=20' }),
    },
    ...(body && { method: 'POST', body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await json(response) };
}

/** What stands in a member’s files and log, made legible. */
function traces(member: string): string {
  const folder = path.dirname(layout.member(member).config);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => legible(readFileSync(path.join(entry.parentPath, entry.name)), 2));
  return [...files, ...logs.get(member)!].join('\n');
}

describe('four nodes with vaults', () => {
  before(async () => {
    layout = provision(temporaryFolder(), DESCRIPTION, PORT);
    const genesis = JSON.parse(readFileSync(layout.genesis, 'utf8'));
    const { contract, codeHash } = dealCatalog.entries[0]!;
    genesis.contracts.push({ name: contract.name, version: contract.version, codeHash });
    writeFileSync(layout.genesis, JSON.stringify(genesis));
    for (const { id: member } of DESCRIPTION.members) {
      const lines: string[] = [];
      logs.set(member, lines);
      const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
      nodes.set(member, await startNode(layout.member(member).config, log, { catalog: all }));
    }
    const made = await call('shop', 'clerk', '/deals/d-1', VALUES);
    assert.equal(made.status, 200, JSON.stringify(made.body));
    id = made.body.id;
  });
  after(async () => {
    for (const node of nodes.values()) await node.stop();
  });

  it('hold the values where they are read: at the seller, the customer and the bureau', async () => {
    for (const [member, identity] of [
      ['shop', 'clerk'],
      ['corp', 'admin'],
      ['bureau', 'admin'],
    ] as const) {
      const { status, body } = await call(member, identity, `/transactions/${id}/values`);
      assert.equal(status, 200, member);
      assert.deepEqual(body.fields, VALUES);
    }
    assert.equal((await call('other', 'admin', `/transactions/${id}/values`)).status, 404);
  });

  it('all have the transaction, and nobody has a value in clear', async () => {
    for (const { id: member } of DESCRIPTION.members) {
      const { body } = await call(member, 'admin', `/transactions/${id}`);
      assert.equal(body.status, 'committed', member);
      const text = traces(member);
      assert.ok(text.includes('deal/deal/d-1'), 'the store is looked at');
      for (const canary of CANARIES) assert.ok(!text.includes(canary), `${canary} at ${member}`);
    }
  });

  it('say what they hold, to their administrators, and no value', async () => {
    const held = { transaction: id, contract: 'deal', method: 'make', owner: 'shop' };
    const records = [{ ...held, fields: ['buyer', 'price', 'remark'] }];
    for (const member of ['shop', 'corp', 'bureau']) {
      const { body } = await call(member, 'admin', '/vault');
      const { key, ...rest } = body as { key: { crv: string } };
      assert.deepEqual(rest, { moving: false, records, next: null }, member);
      assert.equal(key.crv, 'P-256');
    }
    assert.deepEqual((await call('other', 'admin', '/vault')).body.records, []);
    assert.equal((await call('shop', 'clerk', '/vault')).status, 403);
    assert.equal((await call('shop', 'admin', '/vault?limit=1')).body.next, id);
    assert.deepEqual((await call('shop', 'admin', `/vault?after=${id}`)).body.records, []);
    assert.equal((await call('shop', 'admin', '/vault?limit=many')).status, 400);
    assert.equal((await call('shop', 'admin', '/vault?after=me')).status, 400);
  });

  it('serve a further reader under a grant: the owner sees it, and nothing of it stays', async () => {
    const values = (grant: string) =>
      call('other', 'admin', `/transactions/${id}/values?grant=${grant}`);
    const none = await values('a'.repeat(64));
    assert.deepEqual(
      [none.status, none.body.code, none.body.reason],
      [403, 'not-granted', 'unknown-grant'],
    );
    assert.equal((await values('me')).status, 400);
    const wanted = { reader: 'other', records: [id], fields: ['price'], purpose: 'audit' };
    const notAfter = Date.now() + 3_600_000;
    const given = await call('shop', 'admin', '/grants', { ...wanted, notAfter });
    assert.equal(given.status, 200, JSON.stringify(given.body));
    const { grant } = given.body.output;
    const read = await values(grant);
    assert.equal(read.status, 200, JSON.stringify(read.body));
    assert.deepEqual(read.body.fields, { price: VALUES.price });
    const several = await call('other', 'admin', '/values', { grant, transactions: [id] });
    assert.equal(several.status, 200, JSON.stringify(several.body));
    const [first] = several.body.values;
    assert.deepEqual([first.transaction, first.fields], [id, { price: VALUES.price }]);
    for (const wrong of [{}, { grant, transactions: [] }, { grant: 'me', transactions: [id] }]) {
      assert.equal((await call('other', 'admin', '/values', wrong)).status, 422);
    }
    await until(async () => {
      const { body } = await call('shop', 'admin', '/accesses');
      return body.output.accesses.length === 2;
    });
    const got = await call('other', 'admin', '/grants/received');
    assert.deepEqual(got.body.output.grants[0].fields, ['price']);
    for (const canary of CANARIES) assert.ok(!traces('other').includes(canary), canary);
    assert.deepEqual((await call('other', 'admin', '/vault')).body.records, []);
    await call('shop', 'admin', `/grants/${grant}/revoke`, {});
    assert.equal((await values(grant)).body.reason, 'revoked');
  });

  it('wait for a reader that is down, and go on with the same call', async () => {
    await nodes.get('corp')!.stop();
    const body = { ...VALUES, remark: 'canary-remark-2' };
    const once = async () => {
      const { keys } = JSON.parse(readFileSync(layout.keyRing, 'utf8'));
      const response = await fetch(`${nodes.get('shop')!.url}/v1/consortia/deals/deals/d-2`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${keys['shop/clerk']}`,
          'content-type': 'application/json',
          'idempotency-key': '"d-2"',
          prefer: 'wait=20',
        },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: await json(response) };
    };
    const refused = await once();
    assert.deepEqual([refused.status, refused.body.code], [503, 'reader-unavailable']);
    const log = pino({ level: 'silent' });
    nodes.set('corp', await startNode(layout.member('corp').config, log, { catalog: all }));
    const made = await once();
    assert.equal(made.status, 200, JSON.stringify(made.body));
    const kept = await call('corp', 'admin', `/transactions/${made.body.id}/values`);
    assert.deepEqual(kept.body.fields, body);
  });

  it('erase everywhere what its owner erases, and say so', async () => {
    const foreign = await call('corp', 'admin', '/erasures', { records: [id] });
    assert.deepEqual([foreign.status, foreign.body.reason], [422, 'not-owner']);
    const erased = await call('shop', 'admin', '/erasures', { records: [id] });
    assert.equal(erased.status, 200, JSON.stringify(erased.body));
    const { erasure } = erased.body.output;
    await until(async () => {
      const { body } = await call('shop', 'admin', `/erasures/${erasure}`);
      return body.output.confirmations.length === DESCRIPTION.members.length;
    });
    for (const member of ['shop', 'corp', 'bureau']) {
      const { status, body } = await call(member, 'admin', `/transactions/${id}/values`);
      assert.deepEqual([status, body.code], [410, 'erased'], member);
      const { records } = (await call(member, 'admin', '/vault')).body;
      assert.ok(!records.some(({ transaction }: { transaction: string }) => transaction === id));
    }
    assert.equal((await call('shop', 'admin', `/transactions/${id}/receipt`)).status, 200);
  });
});
