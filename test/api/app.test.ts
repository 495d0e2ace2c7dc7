/** The API of real nodes: four replicas on memory stores in this process, called as web requests. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeCbor } from '../../shared/bytes/cbor.ts';
import { taggedDigest } from '../../shared/bytes/digest.ts';
import { fromHex } from '../../shared/bytes/text.ts';
import { LIMITS } from '../../shared/ledger/limits.ts';
import { verifyReceipt } from '../../shared/proof/verify.ts';
import { verifyStateProof } from '../../shared/proof/verify-state.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';

let apis: NodeApis;
let app: ReturnType<NodeApis['app']>;

before(async () => {
  const identities = [
    { member: 'alpha', name: 'user', roles: ['counter.user'] },
    { member: 'alpha', name: 'guest', roles: [] },
  ];
  const keyed = ['alpha/user', 'alpha/guest', 'alpha/nobody', 'beta/admin'];
  apis = await openNodeApis(counterCatalog, identities, keyed);
  app = apis.app('alpha');
});
after(() => apis.close());

const key = (name = 'alpha/user') => ({ authorization: `Bearer ${apis.keys.get(name)}` });
const get = (path: string, headers: Record<string, string> = {}) =>
  app.request(`${BASE}${path}`, { headers });
const post = (path: string, body: string | object, headers: Record<string, string> = {}) =>
  app.request(`${BASE}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const raise = (name: string, body: object = { by: 1 }, headers: Record<string, string> = key()) =>
  post(`/counters/${name}`, body, headers);
const signed = (name: string, by = 1): string =>
  apis.network.signed('alpha/user', 'counter', 'raise', { name, by });

async function refusal(response: Response, status: number, code: string) {
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  const body = await json(response);
  assert.deepEqual([response.status, body.code], [status, code], JSON.stringify(body));
  assert.equal(body.status, status);
  return body;
}

test('a custodial call is signed by the node, waited for and answered with its output', async () => {
  const response = await raise('custodial', { by: 2 });
  assert.equal(response.status, 200);
  const body = await json(response);
  assert.equal(body.status, 'committed');
  assert.deepEqual(body.output, { value: 2 });
  assert.ok(body.height > 0);
  const status = await json(await get(`/transactions/${body.id}`));
  assert.deepEqual(status, body);
  const found = await json(await get('/counters/custodial'));
  assert.deepEqual(found.output, { value: 2 });
  assert.ok(found.height >= body.height);
});

test('a call without a route of its own is made by contract and method', async () => {
  const response = await post('/contracts/counter/raise', { name: 'generic', by: 3 }, key());
  assert.equal(response.status, 200);
  const found = await get('/contracts/counter/queries/read?name=generic');
  assert.deepEqual((await json(found)).output, { value: 3 });
});

test('a query answers at an earlier height as it answered then', async () => {
  const first = await json(await raise('past', { by: 1 }));
  await raise('past', { by: 1 });
  const then = await json(await get(`/counters/past?at=${first.height}`));
  assert.deepEqual(then, { height: first.height, output: { value: 1 } });
  assert.deepEqual((await json(await get('/counters/past'))).output, { value: 2 });
  await refusal(await get('/counters/past?at=999999'), 404, 'not-found');
  await refusal(await get('/counters/past?at=-1'), 400, 'bad-request');
  await refusal(await get('/counters/past?at=1&at=2'), 400, 'bad-request');
});

test('a refusal in a block is 422 with the id, the height and the result', async () => {
  const body = await refusal(await raise('low', { by: 5, max: 3 }), 422, 'contract-rejected');
  assert.equal(body.reason, 'too-high');
  assert.deepEqual([body.got, body.expected, body.retry], [5, 3, 'new']);
  assert.equal(body.result.status, 'rejected');
  const status = await json(await get(`/transactions/${body.id}`));
  assert.equal(status.status, 'rejected');
  assert.equal(status.height, body.height);
  assert.equal(status.rejection.reason, 'too-high');
});

test('wrong arguments are refused before a block, every field by its pointer', async () => {
  const { height } = (await json(await get(''))).head;
  const body = await refusal(
    await raise('wrong', { by: 'two', extra: 1 }),
    422,
    'invalid-arguments',
  );
  assert.deepEqual(
    body.errors.map((error: { pointer: string }) => error.pointer),
    ['/by', '/extra'],
  );
  assert.equal(body.got, 'two');
  assert.equal((await json(await get(''))).head.height, height);
});

test('a body that contradicts the path is refused, one that repeats it is not', async () => {
  const body = await refusal(await raise('one', { name: 'two', by: 1 }), 400, 'bad-request');
  assert.deepEqual([body.pointer, body.got, body.expected], ['/name', 'two', 'one']);
  assert.equal((await raise('one', { name: 'one', by: 1 })).status, 200);
});

test('a body that is not a JSON object is refused with its place or its kind', async () => {
  const broken = await refusal(await post('/counters/a', '{"by":\n x}', key()), 400, 'bad-request');
  assert.match(broken.detail, /line 2, column 2/);
  const list = await refusal(await post('/counters/a', '[1]', key()), 400, 'bad-request');
  assert.deepEqual([list.got, list.expected], ['array', 'object']);
  const form = { ...key(), 'content-type': 'application/x-www-form-urlencoded' };
  await refusal(await post('/counters/a', 'by=1', form), 415, 'unsupported-media-type');
  const large = `{"x":"${'y'.repeat(LIMITS.transactionBytesMax)}"}`;
  await refusal(await post('/counters/a', large, key()), 413, 'payload-too-large');
});

test('a call needs a key, a good one, with an identity on the ledger and a role', async () => {
  const none = await raise('a', {}, {});
  assert.match(none.headers.get('www-authenticate') ?? '', /^Bearer/);
  await refusal(none, 401, 'unauthorized');
  const wrong = `${apis.keys.get('alpha/user')!.slice(0, -4)}AAAA`;
  const bad = await refusal(
    await raise('a', {}, { authorization: `Bearer ${wrong}` }),
    401,
    'unauthorized',
  );
  assert.ok(!JSON.stringify(bad).includes(wrong.slice(-43)), 'a key is never echoed');
  await refusal(await get('/counters/a', { authorization: 'Basic dTpw' }), 401, 'unauthorized');
  const guest = await refusal(await raise('a', { by: 1 }, key('alpha/guest')), 403, 'forbidden');
  assert.deepEqual(guest.expected, ['counter.user', 'admin']);
  await refusal(await raise('a', { by: 1 }, key('alpha/nobody')), 403, 'forbidden');
  const other = await refusal(await raise('a', { by: 1 }, key('beta/admin')), 403, 'forbidden');
  assert.deepEqual([other.got, other.expected], ['beta', 'alpha']);
});

test('a signed transaction needs no key on a public ledger and is final at 200', async () => {
  const response = await post('/transactions', signed('jose'), {
    'content-type': 'application/jose',
    prefer: 'wait=10',
  });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('preference-applied'), 'wait=10');
  assert.deepEqual((await json(response)).output, { value: 1 });
});

test('a transaction sent again is one transaction, in any serialisation', async () => {
  const compact = signed('twice');
  const [header, payload, signature] = compact.split('.');
  const send = (body: string | object, type: string) =>
    post('/transactions', body, { 'content-type': type, prefer: 'wait=10' });
  const first = await json(await send(compact, 'application/jose'));
  const flattened = { payload, protected: header, signature };
  const general = { payload, signatures: [{ protected: header, signature }] };
  assert.deepEqual(await json(await send(flattened, 'application/json')), first);
  assert.deepEqual(await json(await send(general, 'application/jose+json')), first);
  assert.deepEqual((await json(await get('/counters/twice'))).output, { value: 1 });
});

test('without a wait the answer is 202 with a place to look', async () => {
  const response = await post('/transactions', signed('later'), {
    'content-type': 'application/jose',
  });
  assert.equal(response.status, 202);
  const body = await json(response);
  assert.equal(body.status, 'pending');
  assert.equal(response.headers.get('location'), `${BASE}/transactions/${body.id}`);
  const again = await post('/transactions', signed('later'), {
    'content-type': 'application/jose',
    prefer: 'wait=10',
  });
  assert.equal(again.status, 200);
  const located = await json(await app.request(response.headers.get('location')!));
  assert.equal(located.status, 'committed');
});

test('what is no transaction of this ledger is refused before a block', async () => {
  const jose = { 'content-type': 'application/jose' };
  await refusal(await post('/transactions', 'rubbish', jose), 400, 'malformed');
  await refusal(await post('/transactions', '', jose), 400, 'malformed');
  await refusal(await post('/transactions', '{"payload":', {}), 400, 'malformed');
  const form = { 'content-type': 'text/plain' };
  await refusal(await post('/transactions', signed('x'), form), 415, 'unsupported-media-type');
  const large = 'a'.repeat(LIMITS.transactionBytesMax * 2 + 1);
  await refusal(await post('/transactions', large, jose), 413, 'payload-too-large');
  const forged = `${signed('x').split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`;
  await refusal(await post('/transactions', forged, jose), 401, 'bad-signature');
});

test('a batch answers a line for each line, in order, and a bad line fails alone', async () => {
  const general = (compact: string) => {
    const [header, payload, signature] = compact.split('.');
    return JSON.stringify({ payload, signatures: [{ protected: header, signature }] });
  };
  const lines = [
    JSON.stringify(signed('batch')),
    '',
    signed('batch'),
    general(signed('batch')),
    'rubbish',
    '"unclosed',
    `"${'x'.repeat(LIMITS.transactionBytesMax * 2)}"`,
    '  ',
    signed('batch'),
  ];
  const response = await post('/transactions/batch', lines.join('\r\n'), {
    'content-type': 'application/x-ndjson',
    prefer: 'wait=10',
  });
  assert.equal(response.headers.get('content-type'), 'application/x-ndjson');
  const text = await response.text();
  const results = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    results.map(({ line, status, problem }) => [line, status, problem?.code]),
    [
      [1, 'committed', undefined],
      [3, 'committed', undefined],
      [4, 'committed', undefined],
      [5, 'refused', 'malformed'],
      [6, 'refused', 'malformed'],
      [7, 'refused', 'too-large'],
      [9, 'committed', undefined],
    ],
  );
  assert.deepEqual((await json(await get('/counters/batch'))).output, { value: 4 });
});

test('a batch stops with a line that says so at its limit', async () => {
  const rubbish = Array(LIMITS.batchTransactionsMax + 5).fill('rubbish');
  const response = await post('/transactions/batch', rubbish.join('\n'), {
    'content-type': 'application/x-ndjson',
  });
  const lines = (await response.text()).trimEnd().split('\n');
  assert.equal(lines.length, LIMITS.batchTransactionsMax + 1);
  assert.equal(JSON.parse(lines.at(-1)!).problem.code, 'payload-too-large');
});

test('a batch answers its first lines before its last ones are sent', async () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const request = new Request(`http://local${BASE}/transactions/batch`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', prefer: 'wait=10' },
    body: readable,
    duplex: 'half',
  } as RequestInit);
  const response = await app.fetch(request);
  const reader = response.body!.getReader();
  for (const line of [1, 2]) {
    await writer.write(Buffer.from(`${signed('stream')}\n`));
    const { value } = await reader.read();
    assert.equal(JSON.parse(Buffer.from(value!).toString()).line, line);
  }
  await writer.close();
  assert.equal((await reader.read()).done, true);
});

test('a receipt verifies against the ledger id alone', async () => {
  const { id } = await json(await raise('receipt'));
  const receipt = await json(await get(`/transactions/${id}/receipt`));
  const verdict = verifyReceipt(receipt, apis.network.ledger);
  assert.equal(verdict.verdict, 'VALID', JSON.stringify(verdict));
});

test('an unknown transaction is 404 and what is no id is 400', async () => {
  await refusal(await get(`/transactions/${'0'.repeat(64)}`), 404, 'not-found');
  await refusal(await get(`/transactions/${'0'.repeat(64)}/receipt`), 404, 'not-found');
  await refusal(await get('/transactions/xyz'), 400, 'bad-request');
});

test('pages of blocks hold every height once, newest first, while blocks are added', async () => {
  await raise('pages');
  const heights: number[] = [];
  const { height: top } = (await json(await get(''))).head;
  let next: string | null = `${BASE}/blocks?limit=3`;
  while (next !== null) {
    const response: Response = await app.request(next);
    const page = await json(response);
    heights.push(...page.blocks.map((block: { height: number }) => block.height));
    if (heights.length === 3) await raise('pages');
    const link = response.headers.get('link');
    assert.equal(link === null, page.next === null);
    next = /<(.+)>; rel="next"/.exec(link ?? '')?.[1] ?? null;
  }
  assert.deepEqual(
    heights,
    Array.from({ length: top + 1 }, (_, index) => top - index),
  );
});

test('a node that is behind a page’s cursor says so instead of leaving blocks out', async () => {
  const { height } = (await json(await get(''))).head;
  const level = await json(await get(`/blocks?limit=2&cursor=b${height + 1}`));
  assert.equal(level.blocks[0].height, height);
  const response = await get(`/blocks?limit=2&cursor=b${height + 2}`);
  assert.equal(response.headers.get('retry-after'), '1');
  const body = await refusal(response, 503, 'unavailable');
  assert.deepEqual([body.retry, body.got, body.expected], ['same', height + 1, height]);
});

test('a block is found by its height, and the newest by name', async () => {
  const head = await json(await get('/blocks/head'));
  assert.deepEqual(await json(await get(`/blocks/${head.height}`)), head);
  const parent = await json(await get(`/blocks/${head.height - 1}`));
  assert.equal(head.header.parent, parent.id);
  await refusal(await get('/blocks/999999'), 404, 'not-found');
  for (const text of ['-1', '1.5', '01', 'x']) {
    await refusal(await get(`/blocks/${text}`), 400, 'bad-request');
  }
});

test('a query string is checked by a schema', async () => {
  for (const query of ['limt=2', 'limit=0', 'limit=101', 'limit=2&limit=3', 'cursor=x']) {
    const body = await refusal(await get(`/blocks?${query}`), 400, 'bad-request');
    assert.equal(body.errors[0].parameter, query.split('=')[0]);
  }
});

test('state values come with proofs of presence and of absence', async () => {
  await raise('proved', { by: 7 });
  for (const [path, value] of [
    ['counter%2Fproved', 7],
    ['counter/proved', 7],
    ['counter/no%C3%A7', undefined],
  ] as const) {
    const answer = await json(await get(`/state/counter/${path}?proof=true`));
    assert.equal(answer.present, value !== undefined);
    assert.equal(answer.value?.value, value);
    const verdict = verifyStateProof(answer.proof, apis.network.ledger);
    assert.equal(verdict.verdict, 'VALID', JSON.stringify(verdict));
  }
});

test('a state key that can be none is refused', async () => {
  for (const path of ['x', 'x/y', 'x/y/', 'x/y/%00', 'x/y/%E7', `x/y/${'z'.repeat(600)}`]) {
    await refusal(await get(`/state/${path}`), 400, 'bad-request');
  }
  await refusal(await get('/state/x/y/z?at=999999'), 404, 'not-found');
});

test('events are CloudEvents whose ids derive from their place, in pages that join', async () => {
  for (let count = 0; count < 3; count++) await raise('events');
  const seen: { id: string; cursor: string; data: { name: string } }[] = [];
  let next = `${BASE}/events?limit=2`;
  for (;;) {
    const response = await app.request(next);
    assert.equal(response.headers.get('content-type'), 'application/cloudevents-batch+json');
    const page = await json(response);
    next = /<(.+)>; rel="next"/.exec(response.headers.get('link') ?? '')![1]!;
    if (page.length === 0) break;
    seen.push(...page);
  }
  const all = await json(await get('/events?limit=1000'));
  assert.deepEqual(seen, all);
  assert.equal(new Set(all.map(({ id }: { id: string }) => id)).size, all.length);
  const [event] = all;
  assert.equal(event.specversion, '1.0');
  assert.equal(event.type, 'fuqi.counter.raised');
  assert.equal(event.source, BASE);
  const index = Number(event.cursor.split('.')[2]);
  const place = [fromHex(apis.network.ledger), event.height, fromHex(event.subject), index];
  assert.equal(event.id, taggedDigest('fuqi/v1/event', encodeCbor(place)));
  await raise('events');
  const more = await json(await app.request(next));
  assert.equal(more.length, 1);
  assert.equal(more[0].data.name, 'events');
});

test('events are filtered by type and begin where asked', async () => {
  assert.deepEqual(await json(await get('/events?type=counter.lowered')), []);
  const raised = await json(await get('/events?type=counter.lowered,counter.raised&limit=1'));
  assert.equal(raised.length, 1);
  const { height } = (await json(await get(''))).head;
  assert.deepEqual(await json(await get('/events?from=head')), []);
  const recent = await json(await get(`/events?from=${height - 1}`));
  assert.ok(recent.every((event: { height: number }) => event.height >= height - 1));
  await refusal(await get('/events?cursor=zzz'), 400, 'bad-request');
});

test('events are filtered by texts of their data, also by the link to the next page', async () => {
  for (const name of ['one', 'two', 'one']) await raise(name);
  const where = (fields: unknown) =>
    `/events?limit=1&where=${encodeURIComponent(JSON.stringify(fields))}`;
  const found = await get(where({ name: 'one' }));
  const [first] = await json(found.clone());
  assert.equal(first.data.name, 'one');
  const next = /<([^>]+)>/.exec(found.headers.get('link')!)![1]!;
  const [second] = await json(await app.request(next));
  assert.equal(second.data.name, 'one');
  assert.notEqual(second.id, first.id);
  for (const none of [{ name: 'three' }, { name: 'one', other: 'x' }, { toString: 'one' }]) {
    assert.deepEqual(await json(await get(where(none))), []);
  }
  for (const bad of [[1], 'one', { name: 1 }, { a: '', b: '', c: '', d: '', e: '', f: '' }]) {
    await refusal(await get(where(bad)), 400, 'bad-request');
  }
  await refusal(await get('/events?where=name'), 400, 'bad-request');
});

test('another consortium, path or method is refused as such', async () => {
  await refusal(await app.request('/v1/consortia/other/blocks'), 404, 'wrong-consortium');
  await refusal(await app.request('/v1/consortia/other'), 404, 'wrong-consortium');
  await refusal(await app.request('/v2/consortia/demo/blocks'), 404, 'unknown-version');
  await refusal(await app.request('/nothing'), 404, 'not-found');
  await refusal(await get('/nothing/at/all'), 404, 'not-found');
  for (const [path, allow] of [
    ['/blocks', 'GET'],
    ['/counters/a', 'POST, GET'],
  ] as const) {
    const response = await app.request(`${BASE}${path}`, { method: 'DELETE' });
    assert.equal(response.headers.get('allow'), allow);
    await refusal(response, 405, 'method-not-allowed');
  }
  assert.equal((await app.request(`${BASE}/blocks`, { method: 'HEAD' })).status, 200);
});

test('the node tells its health, its consortium, its genesis and why it waits', async () => {
  const health = await json(await app.request('/healthz'));
  assert.deepEqual([health.status, health.member], ['ok', 'alpha']);
  const consortium = await json(await get(''));
  assert.equal(consortium.ledger, apis.network.ledger);
  assert.deepEqual(consortium.validators, ['alpha', 'beta', 'delta', 'gamma']);
  assert.deepEqual(await json(await get('/genesis')), apis.network.genesis);
  assert.ok(['idle', 'committing'].includes((await json(await get('/consensus'))).state));
});

test('a ledger that is not public is read with a key only', async () => {
  const service = apis.network.service('alpha');
  for (const visibility of ['consortium', 'private'] as const) {
    const closed = apis.app('alpha', {
      service: { ...service, genesis: { ...service.genesis, visibility } },
    });
    for (const path of ['', '/blocks', '/events', '/counters/a', '/genesis']) {
      await refusal(await closed.request(`${BASE}${path}`), 401, 'unauthorized');
      assert.equal((await closed.request(`${BASE}${path}`, { headers: key() })).status, 200, path);
    }
    assert.equal((await closed.request('/healthz')).status, 200);
  }
});

test('a fault is logged by the request id of the answer, and shown to nobody', async () => {
  const lines: Record<string, unknown>[] = [];
  const failing = apis.app('alpha', {
    service: {
      ...apis.network.service('alpha'),
      head: () => Promise.reject(new Error('disk /secret/path is gone')),
    },
    log: { error: (fields) => lines.push({ ...fields }) },
  });
  const response = await failing.request(`${BASE}/blocks`, {
    headers: { 'x-request-id': 'gateway-id-1' },
  });
  const body = await refusal(response, 500, 'internal');
  assert.equal(body.requestId, 'gateway-id-1');
  assert.equal(response.headers.get('x-request-id'), 'gateway-id-1');
  assert.ok(!JSON.stringify(body).includes('secret'));
  assert.equal(lines[0]?.requestId, 'gateway-id-1');
  const odd = await app.request('/healthz', { headers: { 'x-request-id': 'a b' } });
  assert.match(odd.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
});

test('the OpenAPI document and the page are served, and every fixed path in it exists', async () => {
  const document = await json(await app.request('/openapi.json'));
  assert.ok(document.paths[`${BASE}/counters/{name}`].post);
  for (const [path, item] of Object.entries<Record<string, { parameters?: never[] }>>(
    document.paths,
  )) {
    for (const verb of Object.keys(item)) {
      const url = path.replace(/\{\w+\}/g, 'x');
      const response = await app.request(url, { method: verb.toUpperCase() });
      const body = response.ok ? undefined : await json(response);
      assert.ok(!/No call has this path/.test(body?.detail ?? ''), `${verb} ${path}`);
      assert.notEqual(response.status, 405, `${verb} ${path}`);
    }
  }
  const page = await app.request('/docs?lang=zh', { headers: { 'x-forwarded-host': 'api.test' } });
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/);
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  const text = await page.text();
  assert.ok(text.includes('lang="zh-CN"') && text.includes('http://api.test/v1/'));
});

test('a call with an idempotency key counts once, with another key or none again', async () => {
  const keyed = (idempotencyKey: string, body: object = { by: 1 }) =>
    raise('idempotent', body, { ...key(), 'idempotency-key': idempotencyKey });
  const first = await json(await keyed('order-1'));
  const both = await Promise.all([keyed('order-1'), keyed('order-1')]);
  for (const response of both) assert.deepEqual(await json(response), first);
  assert.deepEqual((await json(await keyed('order-2'))).output, { value: 2 });
  assert.deepEqual((await json(await raise('idempotent'))).output, { value: 3 });
  const refused = await json(await keyed('order-3', { by: 9, max: 3 }));
  const again = await refusal(await keyed('order-3', { by: 9, max: 3 }), 422, 'contract-rejected');
  assert.equal(again.id, refused.id);
});

test('an idempotency key is plain text', async () => {
  const bad = { ...key(), 'idempotency-key': 'a b' };
  const body = await refusal(await raise('idem', { by: 1 }, bad), 400, 'bad-request');
  assert.equal(body.errors[0].parameter, 'Idempotency-Key');
});
