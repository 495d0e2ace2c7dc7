import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curlExample } from '../../shared/api/docs-curl.ts';
import { docsPage } from '../../shared/api/docs-page.ts';
import { chooseLanguage, ZH_SUMMARIES } from '../../shared/api/docs-text.ts';
import { openapiDocument } from '../../shared/api/openapi.ts';
import { FIXED_PATHS } from '../../shared/api/openapi-fixed.ts';
import type { Operation } from '../../shared/api/openapi-parts.ts';
import { contractCalls, routeOf } from '../../shared/api/routes.ts';
import { contracts } from '../../workloads/catalog.ts';

const active = contracts.entries.map(({ contract }) => contract);
const document = openapiDocument({ consortium: 'demo', visibility: 'public' }, active);
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([verb, operation]) => ({
    path,
    verb,
    operation: operation as Operation,
  })),
);

function* references(value: unknown): Generator<string> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '$ref' && typeof inner === 'string') yield inner;
    else yield* references(inner);
  }
}

test('the document has the structure of OpenAPI 3.1', () => {
  assert.match(document.openapi, /^3\.1\./);
  for (const { path, operation } of operations) {
    assert.match(path, /^\//);
    const declared = (operation.parameters ?? []).filter((one) => one.in === 'path');
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    assert.deepEqual(declared.map(({ name }) => name).sort(), inPath.sort(), path);
    assert.ok(declared.every(({ required }) => required === true));
    for (const response of Object.values(operation.responses)) {
      assert.ok('description' in response || '$ref' in response, path);
    }
    assert.ok(operation.tags.every((tag) => document.tags.some(({ name }) => name === tag)));
  }
  for (const name of Object.keys(document.components.schemas)) {
    assert.match(name, /^[a-zA-Z0-9._-]+$/);
  }
});

test('operation ids are unique and every reference resolves', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const reference of references(document)) {
    let target: unknown = document;
    for (const step of reference.replace('#/', '').split('/')) {
      target = (target as Record<string, unknown>)[step];
    }
    assert.ok(target !== undefined, reference);
  }
});

test('the document is plain JSON', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(document)), document);
});

test('every call of every contract of the catalog is in it', () => {
  for (const call of contractCalls(active)) {
    const { path, verb } = routeOf(call);
    const item = document.paths[`/v1/consortia/demo${path}`];
    const operation = verb === 'GET' ? item?.get : item?.post;
    assert.equal(operation?.operationId, `${call.contract.name}.${call.method}`);
  }
});

test('the examples of the bodies and paths are inputs that their contracts take', () => {
  for (const call of contractCalls(active)) {
    const { path, verb } = routeOf(call);
    const item = document.paths[`/v1/consortia/demo${path}`]!;
    const operation = (verb === 'GET' ? item.get : item.post)!;
    const body = operation.requestBody?.content['application/json']?.example as object | undefined;
    const given = Object.fromEntries(
      (operation.parameters ?? [])
        .filter((one) => one.in !== 'header' && one.required)
        .map(({ name, example }) => [name, example]),
    );
    const parsed = call.definition.input.safeParse({ ...body, ...given });
    assert.ok(parsed.success, `${call.contract.name}.${call.method}: ${parsed.error?.message}`);
  }
});

test('calls that act for an identity ask for a key, readers of a public ledger need none', () => {
  const byId = new Map(operations.map(({ operation }) => [operation.operationId, operation]));
  const known = [{ apiKey: [] }, { token: [] }];
  assert.deepEqual(byId.get('invoice.issue')?.security, known);
  assert.deepEqual(byId.get('invoice.totals')?.security, known);
  assert.equal(byId.get('invoice.check')?.security, undefined);
  assert.deepEqual(document.security, [{}, ...known]);
  const closed = openapiDocument({ consortium: 'demo', visibility: 'consortium' }, active);
  assert.deepEqual(closed.security, known);
});

test('the page lists every call with a curl line, in both languages, without script or outside assets', async () => {
  for (const language of ['en', 'zh'] as const) {
    const page = String(await docsPage(document, language, 'http://127.0.0.1:8080'));
    for (const { operation } of operations) {
      assert.ok(page.includes(`id="${operation.operationId}"`), operation.operationId);
    }
    const lines =
      page.match(/curl (-X (DELETE|PUT|POST) )?&#39;http:\/\/127\.0\.0\.1:8080\//g) ?? [];
    assert.ok(lines.length >= operations.length);
    assert.ok(!/<script|<link|<img|src=|@import|url\(/i.test(page));
    assert.ok(page.includes(language === 'zh' ? '请求体' : 'Request body'));
  }
  for (const item of Object.values(FIXED_PATHS)) {
    for (const { operationId } of Object.values(item)) assert.ok(ZH_SUMMARIES[operationId]);
  }
});

test('a curl line makes the call that it stands at, with a body or without', () => {
  const line = (verb: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string) => {
    const operation = document.paths[`/v1/consortia/demo${path}`]?.[
      verb.toLowerCase() as 'get'
    ] as Operation;
    return curlExample({ verb, path, operation, origin: 'http://node', needsKey: true });
  };
  assert.match(line('POST', '/webhooks/{name}/secret'), /^curl -X POST 'http/);
  assert.match(line('POST', '/invoices/{number}/claim'), /^curl 'http[\s\S]* -d '/);
  assert.match(line('PUT', '/webhooks/{name}'), /^curl -X PUT 'http[\s\S]* -d '/);
  assert.match(line('GET', '/webhooks/{name}'), /^curl 'http[^\n]*\n {2}-H "Authorization[^\n]*$/);
});

test('what contracts and readers say can’t break out of the page', async () => {
  const [first] = active;
  const hostile = { ...first!, name: 'hostile', summary: '<script>alert(1)</script>' };
  const made = openapiDocument({ consortium: 'demo', visibility: 'public' }, [hostile]);
  const page = String(await docsPage(made, 'en', 'http://x\'"><script>'));
  assert.ok(!page.includes('<script>'));
});

test('the language is what the reader asks for, English otherwise', () => {
  assert.equal(chooseLanguage(undefined, undefined), 'en');
  assert.equal(chooseLanguage(undefined, 'zh-CN,zh;q=0.9,en;q=0.8'), 'zh');
  assert.equal(chooseLanguage(undefined, 'en;q=0.5, zh;q=0.4'), 'en');
  assert.equal(chooseLanguage(undefined, 'de, fr'), 'en');
  assert.equal(chooseLanguage('zh', 'en'), 'zh');
  assert.equal(chooseLanguage('xx', 'zh'), 'zh');
});
