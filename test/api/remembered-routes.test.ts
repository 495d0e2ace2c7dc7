/** The router that strangers reach: whatever it remembers, each request finds what it would have found alone. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Hono } from 'hono';
import { methodRouter } from '../../shared/api/method-router.ts';

/** What answered, with the path's parameters. */
function app(): Hono {
  const app = new Hono({ router: methodRouter() });
  app.get('/items', (c) => c.text('list'));
  app.get('/items/:id', (c) => c.text(`get ${c.req.param('id')}`));
  app.put('/items/:id', (c) => c.text(`put ${c.req.param('id')}`));
  app.get('/items/:id/:part{.+}', (c) =>
    c.text(`part ${c.req.param('id')} ${c.req.param('part')}`),
  );
  app.all('/items/*', (c) => c.text(`other ${c.req.method}`));
  return app;
}

const ask = async (of: Hono, method: string, path: string): Promise<string> => {
  const response = await of.request(`http://node.test${path}`, { method });
  return `${response.status} ${await response.text()}`;
};

const method = fc.constantFrom('GET', 'PUT', 'POST', '__proto__', 'constructor');
const part = fc.oneof(
  fc.constantFrom('items', 'a', 'b', 'GET', '__proto__'),
  fc.stringMatching(/^[a-z0-9]{1,150}$/),
);
const request = fc.tuple(
  method,
  fc.array(part, { maxLength: 4 }).map((all) => `/${all.join('/')}`),
);

describe('the router of an app that strangers reach', () => {
  it('answers each request as one that was never asked before', async () => {
    const asked = app();
    // More paths than are remembered, so that it forgets in between.
    for (let index = 0; index < 600; index++) {
      assert.equal(await ask(asked, 'GET', `/items/${index}`), `200 get ${index}`);
    }
    await fc.assert(
      fc.asyncProperty(fc.array(request, { maxLength: 20 }), async (requests) => {
        for (const [verb, path] of requests) {
          assert.equal(await ask(asked, verb, path), await ask(app(), verb, path));
        }
      }),
    );
  });
});
