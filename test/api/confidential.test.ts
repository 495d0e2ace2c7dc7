/** Calls with confidential fields that a node signs for its tenants: what they keep, and what gets out. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { splitArguments } from '../../shared/contract/confidential.ts';
import type { ValueKeeper } from '../../shared/ports/value-keeper.ts';
import { verifyDisclosure } from '../../shared/proof/verify-disclosure.ts';
import type { Replica } from '../../shared/replica/replica.ts';
import { dealCatalog, deal as dealContract } from '../support/deal-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';

const CALL = { buyer: 'canary-buyer', price: 250_00, remark: 'canary-remark' };
const IDENTITIES = ['clerk', 'other'].map((name) => ({ member: 'alpha', name, roles: [] }));
const KEYED = ['alpha/clerk', 'alpha/other', 'alpha/admin', 'beta/admin'];

/** Runs something while a node has another vault, or none. */
async function withKeeper<T>(
  replica: Replica,
  keeper: ValueKeeper | undefined,
  run: () => Promise<T>,
): Promise<T> {
  const own = replica.keeper;
  Object.assign(replica, { keeper });
  try {
    return await run();
  } finally {
    Object.assign(replica, { keeper: own });
  }
}

let apis: NodeApis;
let number = 0;
let deal = '';

describe('a custodial call with confidential fields', () => {
  before(async () => {
    apis = await openNodeApis(dealCatalog, IDENTITIES, KEYED, {}, true);
  });
  after(() => apis.close());
  beforeEach(() => {
    deal = `d-${number++}`;
  });

  const request = (path: string, key?: string, init: RequestInit = {}, member = 'alpha') => {
    const headers = new Headers(init.headers);
    if (key) headers.set('authorization', `Bearer ${apis.keys.get(key)}`);
    return apis.app(member).request(`${BASE}${path}`, { ...init, headers });
  };
  const make = (body: object, headers: Record<string, string> = {}, key = 'alpha/clerk') =>
    request(`/deals/${deal}`, key, {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'wait=10', ...headers },
      body: JSON.stringify(body),
    });
  const values = (id: string, key?: string) => request(`/transactions/${id}/values`, key);

  it('is committed, and its values are for its identity and the administrators, and provable', async () => {
    const response = await make({ ...CALL, note: 'open' });
    assert.equal(response.status, 200);
    const { id } = await json(response);
    for (const key of ['alpha/clerk', 'alpha/admin']) {
      const answer = await values(id, key);
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('cache-control'), 'no-store');
      const kept = await json(answer);
      assert.deepEqual(kept.fields, CALL);
      const receipt = await json(await request(`/transactions/${id}/receipt`));
      const file = { format: 'fuqi-disclosure-1', receipt, disclosures: kept.disclosures };
      const proven = verifyDisclosure(file, apis.network.ledger);
      assert.equal(proven.verdict, 'VALID');
      assert.deepEqual(Object.fromEntries(proven.fields), CALL);
    }
    for (const [key, status] of [
      ['alpha/other', 403],
      ['beta/admin', 403],
      [undefined, 401],
    ] as const) {
      const refused = await values(id, key);
      assert.equal(refused.status, status);
      assert.ok(!(await refused.text()).includes('canary'));
    }
    // Other members have the transaction, and no values of it.
    const elsewhere = await request(`/transactions/${id}/values`, 'beta/admin', {}, 'beta');
    assert.equal(elsewhere.status, 404);
    assert.equal((await values('f'.repeat(64), 'alpha/clerk')).status, 404);
    assert.equal((await values('f', 'alpha/clerk')).status, 400);
  });

  it('leaves nothing of its values in a store, a vault’s included, in clear', async () => {
    await make(CALL);
    const rested = [...apis.network.vaultEntries('alpha')].map(
      ([name, bytes]) => `${name} ${Buffer.from(bytes).toString('latin1')}`,
    );
    assert.ok(rested.length > 0);
    assert.ok(!rested.join().includes('canary'));
    assert.equal(apis.network.vaultEntries('beta').size, 0);
  });

  it('counts once with an Idempotency-Key, whatever salts it has', async () => {
    const key = { 'idempotency-key': `"${deal}"` };
    const first = await json(await make(CALL, key));
    const again = await json(await make(CALL, key));
    assert.deepEqual(again, first);
    // Another call with the same key is another one: this deal is made already.
    const other = await make({ ...CALL, price: 1 }, key);
    assert.equal(other.status, 422);
    assert.equal((await json(other)).reason, 'made-already');
    const without = await make(CALL);
    assert.equal((await json(without)).reason, 'made-already');
  });

  it('counts once where it comes several times at once, and each is told the same', async () => {
    const key = { 'idempotency-key': `"${deal}"` };
    const ids = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const response = await make(CALL, key);
        assert.equal(response.status, 200);
        return (await json(response)).id;
      }),
    );
    assert.equal(new Set(ids).size, 1);
    const { replica } = apis.network.node('alpha');
    const held = await replica.keeper!.held({ limit: 200 });
    const own = held.filter(({ transaction }) => transaction.body.args.deal === deal);
    assert.deepEqual(
      own.map(({ transaction }) => transaction.id),
      [ids[0]],
    );
  });

  it('goes on with what was kept where the node ended before it was submitted', async () => {
    const { network } = apis;
    const { replica, service } = network.node('alpha');
    const vault = network.vaultOf('alpha');
    const kept: string[] = [];
    const dying: ValueKeeper = {
      ...vault,
      name: async (name, id, before) => {
        await vault.name(name, id, before);
        kept.push(id);
        throw new Error('the process ends here');
      },
    };
    const call = { contract: 'deal', method: 'make', args: { deal, ...CALL }, nonce: 'once' };
    await withKeeper(replica, dying, () =>
      assert.rejects(service.submitCustodial('clerk', call, 0), /ends here/),
    );
    assert.equal(await service.transaction(kept[0] as Digest), undefined);
    const status = await service.submitCustodial('clerk', call, 10_000);
    assert.deepEqual(
      [(status as { id: string }).id, (status as { status: string }).status],
      [kept[0], 'committed'],
    );
  });

  it('is refused with what does not fit, and no confidential value is repeated', async () => {
    for (const [body, pointer] of [
      [{ ...CALL, price: 9_876_543 }, '/price'],
      [{ ...CALL, price: 'canary-price' }, '/price'],
      [{ ...CALL, buyer: undefined }, '/buyer'],
      [{ ...CALL, remark: 'canary'.repeat(1000) }, '/remark'],
      [{ ...CALL, _sd: [] }, '/_sd'],
    ] as const) {
      const refused = await make(body);
      assert.equal(refused.status, 422);
      const text = await refused.text();
      const { code, errors } = JSON.parse(text);
      assert.equal(code, 'invalid-arguments');
      assert.equal(errors[0].pointer, pointer);
      assert.ok(!text.includes('canary') && !text.includes('9876543'), text);
    }
    // A public value is shown.
    assert.equal((await json(await make({ ...CALL, note: 7 }))).got, 7);
  });

  describe('and one that its caller signed, with the disclosures', () => {
    const { input } = dealContract.transactions.make!;
    const signed = (call: object, by = 'alpha/clerk') => {
      const split = splitArguments(input, { deal, ...call }, () => randomBytes(16));
      const jws = apis.network.signed(by, 'deal', 'make', split.args);
      return { jws, texts: split.disclosures.map(({ text }) => text) };
    };
    const post = (body: string, key: string | undefined = 'alpha/clerk') =>
      request('/transactions', key, {
        method: 'POST',
        headers: { 'content-type': 'application/sd-jwt', prefer: 'wait=10' },
        body,
      });

    it('is committed, kept and brought to its readers, once', async () => {
      const { jws, texts } = signed({ ...CALL, buyer: 'beta' });
      const body = `${[jws, ...texts].join('~')}~`;
      const made = await post(body);
      assert.equal(made.status, 200, await made.clone().text());
      const { id } = await json(made);
      assert.deepEqual((await json(await values(id, 'alpha/clerk'))).fields.price, CALL.price);
      const readers = await request(`/transactions/${id}/values`, 'beta/admin', {}, 'beta');
      assert.equal((await json(readers)).fields.price, CALL.price);
      const again = await post(body);
      assert.equal(again.status, 200);
      assert.equal((await json(again)).id, id);
    });

    it('is refused without its disclosures, with others, and where it is not its member’s node', async () => {
      const { jws, texts } = signed(CALL);
      const whole = [jws, ...texts].join('~');
      for (const [body, status, code] of [
        [whole, 400, 'bad-request'],
        [`${[jws, ...texts.slice(1)].join('~')}~`, 422, 'invalid-arguments'],
        [`${[jws, ...texts, texts[0]].join('~')}~`, 400, 'malformed'],
        [`${[jws, ...signed(CALL).texts].join('~')}~`, 400, 'malformed'],
        [`${[signed({ ...CALL, price: 0 }).jws].join('~')}~`, 422, 'invalid-arguments'],
      ] as const) {
        const refused = await post(body);
        const text = await refused.text();
        assert.deepEqual([refused.status, JSON.parse(text).code], [status, code], text);
        assert.ok(!text.includes('canary'), text);
      }
      const wrong = signed({ ...CALL, price: 0 });
      const invalid = await json(await post(`${[wrong.jws, ...wrong.texts].join('~')}~`));
      assert.equal(invalid.code, 'invalid-arguments');
      const foreign = signed(CALL, 'beta/admin');
      const elsewhere = await post(`${[foreign.jws, ...foreign.texts].join('~')}~`);
      assert.deepEqual([elsewhere.status, (await json(elsewhere)).code], [403, 'forbidden']);
      assert.equal((await post(`${whole}~`, '')).status, 401);
      const fits = await post(`${whole}~`);
      assert.equal(fits.status, 200, 'nothing was used up');
    });
  });

  it('is refused by a node without a vault', async () => {
    const { replica } = apis.network.node('alpha');
    const refused = await withKeeper(replica, undefined, async () => make(CALL));
    assert.equal(refused.status, 501);
    assert.equal((await json(refused)).code, 'no-vault');
  });

  it('stands in the OpenAPI document with its readers', async () => {
    const document = await json(await apis.app('alpha').request('/openapi.json'));
    const { properties } = document.components.schemas['deal.make.input'];
    assert.deepEqual(properties.price['x-confidential-readers'], {
      parties: ['buyer'],
      roles: ['auditor'],
    });
    assert.equal(properties.note['x-confidential-readers'], undefined);
  });
});
