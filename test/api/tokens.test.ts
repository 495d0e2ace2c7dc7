/** Tokens of an issuer as callers meet them: who they are, and every way in which one is refused. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { tokenVerifier } from '../../node/oidc-tokens.ts';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { type TokenIssuer, TokenIssuerSchema } from '../../shared/api/token-issuer.ts';
import { counterCatalog } from '../support/counter-contract.ts';
import { type TestIssuer, testIssuer } from '../support/issuer.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';

let apis: NodeApis;
let issuer: TestIssuer;
let issuers: readonly TokenIssuer[];
let app: ReturnType<NodeApis['app']>;
let now = 0;

before(async () => {
  const identities = [
    { member: 'alpha', name: 'user', roles: ['counter.user'] },
    { member: 'alpha', name: 'guest', roles: [] },
  ];
  apis = await openNodeApis(counterCatalog, identities, [
    'alpha/admin',
    'alpha/user',
    'beta/admin',
  ]);
});
after(() => apis.close());

beforeEach(async () => {
  issuer = await testIssuer();
  now = Date.now();
  issuers = [issuerWith({})];
  app = apis.app('alpha', {
    tokens: tokenVerifier({ member: 'alpha', issuers: async () => issuers, now: () => now }),
    issuers: {
      list: async () => issuers,
      replace: async (replaced) => {
        issuers = replaced;
      },
    },
  });
});

afterEach(() => issuer.close());

const issuerWith = (change: Partial<Record<keyof TokenIssuer, unknown>>): TokenIssuer =>
  TokenIssuerSchema.parse({
    issuer: issuer.issuer,
    audience: 'fuqi',
    identities: [
      { value: 'u-1', identity: 'user' },
      { claim: 'groups', value: 'guests', identity: 'guest' },
    ],
    ...change,
  });

const seconds = () => Math.floor(now / 1000);
const claims = (change: Record<string, unknown> = {}) => ({
  iss: issuer.issuer,
  aud: 'fuqi',
  sub: 'u-1',
  exp: seconds() + 300,
  ...change,
});
const raise = (token: string) =>
  app.request(`${BASE}/counters/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: '{"by": 1}',
  });
async function refused(token: string, status: number, code: string) {
  const response = await raise(token);
  const body = await json(response);
  assert.deepEqual([response.status, body.code], [status, code], JSON.stringify(body));
  if (status === 401) {
    assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer .*error="invalid_token"/);
  }
  return body;
}

test('a token acts for the identity that its claims lead to, signed by RSA or EC', async () => {
  for (const alg of ['RS256', 'ES256'] as const) {
    const response = await raise(await issuer.sign(claims(), { alg }));
    assert.equal(response.status, 200);
    assert.equal((await json(response)).status, 'committed');
  }
  assert.equal(issuer.fetches(), 1, 'keys are kept');
});

test('a claim that lists values leads to an identity by one of them, with that identity’s roles', async () => {
  const token = await issuer.sign(claims({ sub: 'other', groups: ['staff', 'guests'] }));
  const body = await refused(token, 403, 'forbidden');
  assert.match(body.detail, /guest/);
});

test('an API key goes on working beside tokens', async () => {
  assert.equal((await raise(apis.keys.get('alpha/user')!)).status, 200);
  await refused(`${apis.keys.get('alpha/user')!.slice(0, -4)}AAAA`, 401, 'unauthorized');
});

test('times are held, with the tolerance of clocks', async () => {
  await refused(await issuer.sign(claims({ exp: seconds() - 31 })), 401, 'token-expired');
  assert.equal((await raise(await issuer.sign(claims({ exp: seconds() - 20 })))).status, 200);
  await refused(await issuer.sign(claims({ nbf: seconds() + 40 })), 401, 'token-not-yet-valid');
  assert.equal((await raise(await issuer.sign(claims({ nbf: seconds() + 20 })))).status, 200);
  const { exp: _, ...endless } = claims();
  await refused(await issuer.sign(endless), 401, 'token-malformed');
});

test('a tampered token is refused by its signature', async () => {
  const [header, , signature] = (await issuer.sign(claims({ sub: 'nobody' }))).split('.');
  const other = Buffer.from(JSON.stringify(claims())).toString('base64url');
  await refused(`${header}.${other}.${signature}`, 401, 'token-signature');
});

test('a token of nobody’s, for somebody else, or by another algorithm is refused before keys are fetched', async () => {
  const foreign = await issuer.sign(claims({ iss: 'https://issuer.example' }));
  assert.equal((await refused(foreign, 401, 'token-issuer')).got, 'https://issuer.example');
  const audience = await issuer.sign(claims({ aud: ['other', 'third'] }));
  assert.deepEqual((await refused(audience, 401, 'token-audience')).expected, ['fuqi']);
  issuers = [issuerWith({ algorithms: ['ES256'] })];
  await refused(await issuer.sign(claims()), 401, 'token-algorithm');
  assert.equal(issuer.fetches(), 0);
});

test('no algorithm, and one whose key is no secret, are no signatures', async () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  await refused(`${part({ alg: 'none' })}.${part(claims())}.`, 401, 'token-algorithm');
  const hmac = `${part({ alg: 'HS256', kid: 'RS256-0' })}.${part(claims())}.${part({})}`;
  await refused(hmac, 401, 'token-algorithm');
  assert.ok(!TokenIssuerSchema.shape.algorithms.safeParse(['HS256']).success);
});

test('an unknown key has the keys fetched again, but not for each token', async () => {
  const first = await issuer.sign(claims());
  assert.equal((await raise(first)).status, 200);
  await issuer.rotate();
  for (let count = 0; count < 5; count++) {
    await refused(await issuer.sign(claims(), { kid: `made-up-${count}` }), 401, 'token-key');
  }
  assert.ok(issuer.fetches() <= 2, `${issuer.fetches()} fetches`);
});

test('texts that are no tokens are refused as such', async () => {
  for (const token of ['a.b.c', 'e30.e30.e30', `${'a'.repeat(9000)}.e30.e30`]) {
    const { code } = await json(await raise(token));
    assert.ok(['token-malformed', 'token-issuer'].includes(code), code);
  }
});

test('a good token whose claims lead to nobody is 403', async () => {
  const body = await refused(await issuer.sign(claims({ sub: 'u-2' })), 403, 'token-identity');
  assert.deepEqual(body.expected, ['sub', 'groups']);
});

test('an issuer that is down, too large or leads elsewhere is 503, and no fault of the token', async () => {
  const token = await issuer.sign(claims());
  for (const mode of ['down', 'large', 'redirects'] as const) {
    issuer.mode = mode;
    const response = await raise(token);
    assert.deepEqual([response.status, (await json(response)).code], [503, 'issuer-unavailable']);
    assert.ok(response.headers.has('retry-after'));
    now += 31_000;
  }
});

test('access tokens that name their client instead of an audience are taken where that is said', async () => {
  const { aud: _, ...access } = claims({ client_id: 'app-1' });
  await refused(await issuer.sign(access), 401, 'token-audience');
  issuers = [issuerWith({ audience: 'app-1', audienceClaim: 'client_id' })];
  assert.equal((await raise(await issuer.sign(access))).status, 200);
  const forged = await issuer.sign({ ...access, client_id: 'app-2' });
  await refused(forged, 401, 'token-audience');
});

test('an administrator of the member sets its issuers; nobody else sees or sets them', async () => {
  const call = (name: string | undefined, method: string, body?: object) =>
    app.request(`${BASE}/issuers`, {
      method,
      headers: {
        ...(name && { authorization: `Bearer ${apis.keys.get(name)}` }),
        'content-type': 'application/json',
      },
      ...(body && { body: JSON.stringify(body) }),
    });
  const token = await issuer.sign(claims());
  const own = issuers;
  assert.equal((await call('alpha/admin', 'PUT', { issuers: [] })).status, 200);
  await refused(token, 401, 'token-issuer');
  const set = await call('alpha/admin', 'PUT', { issuers: own });
  assert.deepEqual((await json(set)).issuers, own);
  assert.equal((await raise(token)).status, 200);
  assert.deepEqual((await json(await call('alpha/admin', 'GET'))).issuers, own);
  for (const name of ['alpha/user', 'beta/admin']) {
    assert.equal((await call(name, 'GET')).status, 403);
    assert.equal((await call(name, 'PUT', { issuers: [] })).status, 403);
  }
  assert.equal((await call(undefined, 'GET')).status, 401);
  for (const url of ['http://issuer.example', 'issuer.example', 'http://', '']) {
    const wrong = await call('alpha/admin', 'PUT', { issuers: [{ ...own[0], issuer: url }] });
    assert.equal(wrong.status, 400, url);
    assert.equal((await json(wrong)).errors[0].pointer, '/issuers/0/issuer');
  }
});

test('the gateway takes a token to the member it belongs to, and to nobody else', async () => {
  const asked: string[] = [];
  const gateway = gatewayApp({
    consortium: 'demo',
    members: ['alpha', 'beta'].map((id) => ({ id, endpoint: `https://${id}` })),
    tokenRoutes: [{ issuer: issuer.issuer, audience: 'fuqi', member: 'beta' }],
    fetch: async (input) => {
      asked.push(new URL(String(input)).hostname);
      return Response.json({});
    },
  });
  const get = (token: string, headers: Record<string, string> = {}) =>
    gateway.request(`${BASE}/blocks`, {
      headers: { authorization: `Bearer ${token}`, ...headers },
    });
  const token = await issuer.sign(claims());
  assert.equal((await get(token)).status, 200);
  assert.equal((await get(token, { 'fuqi-member': 'alpha' })).status, 200);
  assert.deepEqual(asked, ['beta', 'alpha']);
  for (const headers of [{}, { 'fuqi-member': 'gamma' }, { 'fuqi-member': '../x' }]) {
    const response = await get(await issuer.sign(claims({ aud: 'else' })), headers);
    assert.deepEqual([response.status, (await json(response)).code], [401, 'token-issuer']);
  }
  assert.equal(asked.length, 2);
});
