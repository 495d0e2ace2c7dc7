/** Requests of methods that are names of what every object has. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';

let apis: NodeApis;
before(async () => {
  apis = await openNodeApis(counterCatalog, [], []);
});
after(() => apis.close());

const SHARED = [Object, Object.prototype, Function.prototype, Array.prototype];
const names = () => SHARED.map((shared) => Reflect.ownKeys(shared).map(String));

const METHODS = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'PROPFIND', 'get'];

it('are refused as any other method, and leave nothing in what objects share', async () => {
  const before = names();
  const app = apis.app('alpha');
  for (const method of METHODS) {
    for (const path of ['/blocks', '/transactions', '/blocks/1', '/state/a/b/c', '/nothing']) {
      const response = await app.fetch(new Request(`http://node${BASE}${path}`, { method }));
      // `get` is GET by the platform, which makes it so.
      if (method === 'get' || path === '/nothing') continue;
      assert.equal(response.status, 405, `${method} ${path}`);
      assert.equal((await json(response)).code, 'method-not-allowed');
    }
    await app.fetch(new Request('http://node/elsewhere', { method }));
  }
  assert.deepEqual(names(), before);
});

it('pass no gateway either', async () => {
  const before = names();
  const gateway = gatewayApp({
    consortium: 'demo',
    members: [{ id: 'alpha', endpoint: 'https://alpha' }],
    fetch: async () => Response.json({}),
  });
  for (const method of METHODS) {
    const response = await gateway.fetch(new Request(`http://node${BASE}/blocks`, { method }));
    assert.ok(response.status < 500, `${method}: ${response.status}`);
  }
  assert.deepEqual(names(), before);
});
