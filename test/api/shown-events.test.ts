/** Events over HTTP for a caller who wants those only whose values it is shown. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { dealCatalog } from '../support/deal-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';
import { until } from '../support/until.ts';

const IDENTITIES = ['clerk', 'other'].map((name) => ({ member: 'alpha', name, roles: [] }));
const KEYED = ['alpha/clerk', 'alpha/other', 'beta/admin', 'gamma/admin'];

let apis: NodeApis;
let number = 0;

before(async () => {
  apis = await openNodeApis(dealCatalog, IDENTITIES, KEYED, {}, true);
});
after(() => apis.close());

const request = (path: string, key?: string, headers: Record<string, string> = {}) =>
  apis.app(key?.split('/')[0] ?? 'alpha').request(path, {
    headers: { ...headers, ...(key && { authorization: `Bearer ${apis.keys.get(key)}` }) },
  });

/** Makes a deal that alpha, and beta as its buyer, are shown. */
async function make(key = 'alpha/clerk'): Promise<string> {
  const response = await apis.app('alpha').request(`${BASE}/deals/d-${number++}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apis.keys.get(key)}`,
      'content-type': 'application/json',
      prefer: 'wait=10',
    },
    body: JSON.stringify({ buyer: 'beta', price: 250_00 }),
  });
  assert.equal(response.status, 200);
  return (await json(response)).id;
}

const subjects = (events: readonly { readonly subject: string }[]): string[] =>
  events.map(({ subject }) => subject);

async function isAtHead(member: string): Promise<void> {
  const head = (of: string) => apis.network.node(of).replica.head.id;
  await until(() => head(member) === head('alpha'));
}

test('pages hold what the caller is shown, and their link goes on so', async () => {
  const deals = [await make(), await make(), await make('alpha/other')];
  const link = /<(.+)>; rel="next"/;
  for (const [key, expected] of [
    ['alpha/clerk', deals.slice(0, 2)],
    ['alpha/other', deals.slice(2)],
    ['beta/admin', deals],
    ['gamma/admin', []],
  ] as const) {
    await isAtHead(key.split('/')[0]!);
    const seen: string[] = [];
    for (let path = `${BASE}/events?from=1&shown=true&limit=1`; ; ) {
      const response = await request(path, key);
      assert.equal(response.status, 200);
      assert.equal(response.headers.get('cache-control'), 'no-store');
      const page = await json(response);
      if (page.length === 0) break;
      seen.push(...subjects(page));
      path = link.exec(response.headers.get('link') ?? '')![1]!;
    }
    assert.deepEqual(seen, expected, key);
  }
  const all = await json(await request(`${BASE}/events?from=1&shown=false`, 'gamma/admin'));
  assert.deepEqual(subjects(all), deals);
});

test('a stream holds what the caller is shown, and its ids resume it', async () => {
  const read = async (headers: Record<string, string>) => {
    const response = await request(`${BASE}/events?from=head&shown=true`, 'alpha/other', {
      accept: 'text/event-stream',
      ...headers,
    });
    const chunks = response.body!.getReader();
    let text = '';
    return {
      async until(pattern: RegExp): Promise<string> {
        while (!pattern.test(text)) text += Buffer.from((await chunks.read()).value!).toString();
        return text;
      },
      cancel: () => chunks.cancel(),
    };
  };
  const stream = await read({});
  // Where it begins is said at once: it holds up to which late values its reader was told.
  const [, first] = /^id: (.*)$/m.exec(await stream.until(/^id: .*\n\n/m))!;
  assert.match(first!, /^\d+\.0\.s\.0$/);
  const [others, own] = [await make(), await make('alpha/other')];
  const text = await stream.until(/^data: /m);
  await stream.cancel();
  assert.ok(text.includes(own) && !text.includes(others));
  const resumed = await read({ 'last-event-id': first! });
  const again = await resumed.until(/^data: /m);
  await resumed.cancel();
  assert.ok(again.includes(own) && !again.includes(others));
});

test('nobody is asked who is not of the node’s member', async () => {
  for (const [key, member, status, code] of [
    [undefined, 'alpha', 401, 'unauthorized'],
    ['beta/admin', 'alpha', 403, 'forbidden'],
  ] as const) {
    const response = await apis.app(member).request(`${BASE}/events?shown=true`, {
      headers: key ? { authorization: `Bearer ${apis.keys.get(key)}` } : {},
    });
    assert.equal(response.status, status);
    assert.equal((await json(response)).code, code);
  }
  const response = await request(`${BASE}/events?shown=yes`, 'alpha/clerk');
  assert.equal(response.status, 400);
});
