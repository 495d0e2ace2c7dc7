/** Webhooks as a member's administrator sets them up, and everyone else is kept from them. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { HookedLedger } from '../node/webhooks/hooked-ledger.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';

const URL_ = 'https://erp.example/fuqi';

let apis: NodeApis;
let ledger: HookedLedger;
let app: ReturnType<NodeApis['app']>;

before(async () => {
  const identities = [{ member: 'alpha', name: 'user', roles: ['counter.user'] }];
  apis = await openNodeApis(counterCatalog, identities, [
    'alpha/admin',
    'alpha/user',
    'beta/admin',
  ]);
});
after(() => apis.close());
beforeEach(() => {
  ledger = new HookedLedger();
  app = apis.app('alpha', { webhooks: ledger.api });
});

const call = (verb: string, path: string, body?: object, name: string | null = 'alpha/admin') =>
  app.request(`${BASE}${path}`, {
    method: verb,
    headers: {
      ...(name && { authorization: `Bearer ${apis.keys.get(name)}` }),
      'content-type': 'application/json',
    },
    ...(body && { body: JSON.stringify(body) }),
  });

test('an administrator makes a webhook, sees how it goes, and removes it', async () => {
  const made = await call('PUT', '/webhooks/erp', { url: URL_, types: ['counter.added'], from: 0 });
  assert.equal(made.status, 201);
  const { secret, ...webhook } = await json(made);
  assert.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/);
  assert.deepEqual(webhook, {
    ...{ name: 'erp', url: URL_, types: ['counter.added'], where: null, shown: false },
    ...{ status: 'active', reason: null, cursor: '0.0.s', failures: 0, retryAt: null },
    ...{ lastDeliveredAt: null, deadLetters: 0 },
  });
  assert.deepEqual(await json(await call('GET', '/webhooks')), { webhooks: [webhook] });
  ledger.commit(2);
  await ledger.deliver();
  const shown = await json(await call('GET', '/webhooks/erp'));
  assert.equal(shown.lastDeliveredAt, new Date(ledger.now).toISOString());
  assert.equal(shown.cursor, '2.0.0');
  assert.equal((await call('DELETE', '/webhooks/erp')).status, 204);
  for (const verb of ['GET', 'DELETE']) {
    assert.equal((await call(verb, '/webhooks/erp')).status, 404);
  }
});

test('a new one begins at the head, and one that is changed goes on where it was', async () => {
  const { head } = await json(await call('GET', ''));
  const made = await json(await call('PUT', '/webhooks/erp', { url: URL_ }));
  assert.equal(made.cursor, `${head.height + 1}.0.s`);
  const moved = await json(await call('PUT', '/webhooks/erp', { url: URL_, cursor: '3.1.2' }));
  assert.equal(moved.cursor, '3.1.2');
  const changed = await call('PUT', '/webhooks/erp', { url: `${URL_}/2`, paused: true });
  assert.equal(changed.status, 200);
  const webhook = await json(changed);
  assert.equal(webhook.cursor, '3.1.2');
  assert.equal(webhook.status, 'paused');
  assert.equal('secret' in webhook, false, 'it is told once');
});

test('a secret is replaced while both sign, for a day', async () => {
  await call('PUT', '/webhooks/erp', { url: URL_, from: 0 });
  const { secret } = await json(await call('POST', '/webhooks/erp/secret'));
  assert.match(secret, /^whsec_/);
  const signatures = async () => {
    ledger.commit(1);
    await ledger.deliver();
    return ledger.sent.at(-1)!.headers['webhook-signature']!.split(' ').length;
  };
  assert.equal(await signatures(), 2);
  ledger.now += 25 * 3600 * 1000;
  assert.equal(await signatures(), 1);
  assert.equal((await call('POST', '/webhooks/other/secret')).status, 404);
});

test('dead letters are listed by pages, and sent again', async () => {
  await call('PUT', '/webhooks/erp', { url: URL_, from: 0 });
  ledger.commit(3);
  ledger.answer = () => 400;
  await ledger.deliverAll();
  const first = await json(await call('GET', '/webhooks/erp/dead-letters?limit=2'));
  assert.deepEqual(
    first.deadLetters.map(({ cursor }: { cursor: string }) => cursor),
    ['1.0.0', '2.0.0'],
  );
  assert.equal(first.deadLetters[0].event.type, 'fuqi.counter.added');
  const rest = await json(
    await call('GET', `/webhooks/erp/dead-letters?limit=2&after=${first.next}`),
  );
  assert.equal(rest.deadLetters.length, 1);
  assert.equal(rest.next, null);
  const refused = await call('POST', '/webhooks/erp/dead-letters/1.0.0');
  assert.equal(refused.status, 502);
  const problem = await json(refused);
  assert.deepEqual([problem.code, problem.retry], ['webhook-refused', 'same']);
  ledger.answer = () => 200;
  assert.equal((await call('POST', '/webhooks/erp/dead-letters/1.0.0')).status, 200);
  for (const cursor of ['1.0.0', '9.0.0', 'x']) {
    const { status } = await call('POST', `/webhooks/erp/dead-letters/${cursor}`);
    assert.equal(status, 404, cursor);
  }
  assert.equal((await call('GET', '/webhooks/other/dead-letters')).status, 404);
});

test('nobody else sees or changes them', async () => {
  const calls = [
    ['GET', '/webhooks'],
    ['GET', '/webhooks/erp'],
    ['PUT', '/webhooks/erp'],
    ['DELETE', '/webhooks/erp'],
    ['POST', '/webhooks/erp/secret'],
    ['GET', '/webhooks/erp/dead-letters'],
    ['POST', '/webhooks/erp/dead-letters/1.0.0'],
  ] as const;
  await call('PUT', '/webhooks/erp', { url: URL_ });
  for (const [verb, path] of calls) {
    const body = verb === 'PUT' ? { url: 'https://other.example/' } : undefined;
    for (const name of ['alpha/user', 'beta/admin']) {
      assert.equal((await call(verb, path, body, name)).status, 403, `${verb} ${path} ${name}`);
    }
    assert.equal((await call(verb, path, body, null)).status, 401);
  }
  assert.equal((await json(await call('GET', '/webhooks/erp'))).url, URL_);
});

test('what is wrong with a webhook is said, with its place', async () => {
  const wrong: [body: object, pointer: string][] = [
    [{}, '/url'],
    [{ url: 'erp.example' }, '/url'],
    [{ url: 'ftp://erp.example/' }, '/url'],
    [{ url: `https://erp.example/${'x'.repeat(2000)}` }, '/url'],
    [{ url: URL_, types: [] }, '/types'],
    [{ url: URL_, types: ['a b'] }, '/types/0'],
    [{ url: URL_, where: { a: 1 } }, '/where/a'],
    [{ url: URL_, where: { a: '', b: '', c: '', d: '', e: '', f: '' } }, '/where'],
    [{ url: URL_, cursor: 'x' }, '/cursor'],
    [{ url: URL_, from: -1 }, '/from'],
    [{ url: URL_, from: 1, cursor: '1.0.0' }, '/from'],
    [{ url: URL_, secret: 'mine' }, ''],
  ];
  for (const [body, pointer] of wrong) {
    const answer = await call('PUT', '/webhooks/erp', body);
    assert.equal(answer.status, 400, JSON.stringify(body));
    assert.equal((await json(answer)).errors[0].pointer, pointer, JSON.stringify(body));
  }
  for (const name of ['Erp', '1', 'a.b', 'x'.repeat(41)]) {
    assert.equal((await call('PUT', `/webhooks/${name}`, { url: URL_ })).status, 400, name);
  }
  assert.deepEqual(await json(await call('GET', '/webhooks')), { webhooks: [] });
});

test('a member has ten at the most', async () => {
  for (let i = 0; i < 10; i++) {
    assert.equal((await call('PUT', `/webhooks/w${i}`, { url: URL_ })).status, 201);
  }
  const eleventh = await call('PUT', '/webhooks/w10', { url: URL_ });
  assert.equal(eleventh.status, 422);
  assert.equal((await json(eleventh)).code, 'limit-exceeded');
  assert.equal((await call('PUT', '/webhooks/w9', { url: URL_ })).status, 200);
});

test('a node without a vault key has none', async () => {
  app = apis.app('alpha');
  const refused = await call('GET', '/webhooks');
  assert.equal(refused.status, 501);
  assert.equal((await json(refused)).code, 'no-vault');
});
