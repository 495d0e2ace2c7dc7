import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { contractCalls, routeOf, routeTable } from '../../shared/api/routes.ts';
import { contract } from '../../shared/contract/define.ts';

const transaction = (http?: `POST /${string}`) => ({
  summary: 'x',
  roles: [],
  ...(http ? { http } : {}),
  input: z.strictObject({}),
  output: z.null(),
  apply: () => null,
});
const query = (http: `GET /${string}`) => ({
  summary: 'x',
  roles: [],
  http,
  input: z.strictObject({}),
  output: z.null(),
  answer: () => null,
});

const shop = contract('shop', {
  version: 1,
  summary: 'x',
  roles: {},
  records: {},
  events: {},
  transactions: {
    order: transaction('POST /orders'),
    pay: transaction('POST /orders/{id}/pay'),
    close: transaction(),
  },
  queries: {
    order: query('GET /orders/{id}'),
    latest: query('GET /orders/latest'),
    pair: query('GET /pairs/{a}/{b}'),
  },
});

const table = routeTable([shop]);
const found = (path: string) =>
  table
    .match(path)
    .map(({ route, parameters }) => `${route.verb} ${route.method} ${JSON.stringify(parameters)}`);

test('a path finds its call and its parameters, decoded', () => {
  assert.deepEqual(found('/orders'), ['POST order {}']);
  assert.deepEqual(found('/orders/7/pay'), ['POST pay {"id":"7"}']);
  assert.deepEqual(found('/pairs/a%2Fb/%E7%AC%A6'), ['GET pair {"a":"a/b","b":"符"}']);
});

test('literal segments win over parameters', () => {
  assert.deepEqual(found('/orders/latest')[0], 'GET latest {}');
});

test('nothing fits an unknown, an empty or a wrongly encoded segment', () => {
  for (const path of [
    '/',
    '/nothing',
    '/orders/',
    '/orders/7/',
    '/orders/%E7',
    '/orders/7/pay/x',
  ]) {
    assert.deepEqual(found(path), [], path);
  }
});

test('every call has a generic route, declared or not', () => {
  for (const call of contractCalls([shop])) {
    const path =
      call.kind === 'query'
        ? `/contracts/shop/queries/${call.method}`
        : `/contracts/shop/${call.method}`;
    assert.equal(table.match(path)[0]?.route.method, call.method);
  }
  const close = contractCalls([shop]).find(({ method }) => method === 'close')!;
  assert.equal(routeOf(close).path, '/contracts/shop/close');
});
