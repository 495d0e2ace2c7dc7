/**
 * What careless and hostile clients send, each with the problem type that it is answered with. Bodies that
 * stop half-way and slow clients are in `test/node/slow-bodies.test.ts`, tokens in `tokens.test.ts`.
 */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { Digest } from '../../shared/bytes/digest.ts';
import { toBase64Url, utf8 } from '../../shared/bytes/text.ts';
import { DEFAULT_PARAMETERS, LIMITS } from '../../shared/ledger/limits.ts';
import { contracts } from '../../workloads/catalog.ts';
import { signBody, testKey } from '../support/local-network.ts';
import { BASE, json, type NodeApis, openNodeApis } from '../support/node-api.ts';
import { documentOf, lines, number } from '../workloads/invoice/market.ts';

const IDENTITIES = [
  { member: 'alpha', name: 'platform', roles: ['invoice.payment-platform'] },
  { member: 'alpha', name: 'leaver', roles: ['invoice.payment-platform'] },
  { member: 'beta', name: 'seller', roles: ['invoice.seller'] },
  { member: 'gamma', name: 'employee', roles: ['invoice.employee'] },
  { member: 'delta', name: 'bureau', roles: ['invoice.tax-bureau'] },
];
const TYPE = 'https://fuqi.dev/problems/';

let apis: NodeApis;
let app: ReturnType<NodeApis['app']>;
before(async () => {
  apis = await openNodeApis(contracts, IDENTITIES, ['alpha/platform']);
  app = apis.app('alpha');
});
after(() => apis.close());

const post = (body: string, type = 'application/jose', headers: Record<string, string> = {}) =>
  app.request(`${BASE}/transactions`, {
    method: 'POST',
    headers: { 'content-type': type, prefer: 'wait=20', ...headers },
    body,
  });
/** A custodial call by the platform's API key. */
const pay = (body: string, key = apis.keys.get('alpha/platform')!) =>
  app.request(`${BASE}/payments`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      prefer: 'wait=20',
    },
    body,
  });

async function isRefused(response: Response, status: number, type: string, pointer?: string) {
  const problem = await json(response);
  const said = JSON.stringify(problem);
  assert.deepEqual([response.status, problem.type], [status, `${TYPE}${type}`], said);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  if (pointer !== undefined) {
    const at = problem.pointer ?? problem.errors?.[0]?.pointer;
    assert.equal(at, pointer, said);
  }
  return problem;
}

const payment = (more: object = {}) => ({
  reference: randomBytes(8).toString('hex'),
  payee: 'beta',
  currency: 'CNY',
  amount: 100,
  ...more,
});
const body = (more: object = {}) => ({
  ledger: apis.network.ledger,
  contract: 'invoice',
  method: 'recordPayment',
  args: payment(),
  nonce: randomBytes(8).toString('hex'),
  notAfter: Date.now() + 60_000,
  ...more,
});
const sign = (payload: object, identity = 'alpha/platform') =>
  signBody(apis.network.keys.get(identity)!, payload as never);
const part = (text: string): string => toBase64Url(utf8(text));

/** A JWS over a payload as it is written here; its signature is nobody's, which is looked at last. */
function written(payload: string, header: object = {}): string {
  const { keyId } = apis.network.keys.get('alpha/platform')!;
  const head = { alg: 'ES256', typ: 'fuqi-tx+jws', kid: keyId, ...header };
  return `${part(JSON.stringify(head))}.${part(payload)}.${'A'.repeat(86)}`;
}
const withText = (args: string): string => {
  const text = JSON.stringify(body({ args: 0 }));
  return text.replace('"args":0', `"args":${args}`);
};

describe('a signed transaction', () => {
  it('that is no JWS, or a part of one', async () => {
    const whole = sign(body());
    for (const text of ['', 'a.b', whole.slice(0, -1), whole.slice(0, whole.length / 2), '{"x":']) {
      await isRefused(await post(text), 400, 'malformed');
    }
  });

  it('with no algorithm, or one that is not allowed', async () => {
    for (const alg of ['none', 'HS256', 'RS256', 'ES384', undefined]) {
      const text = written(JSON.stringify(body()), { alg });
      const at = '/signatures/0/protected/alg';
      await isRefused(await post(text), 400, 'unsupported-algorithm', at);
    }
  });

  it('by a key that nobody has, by a revoked one, or that another key signed', async () => {
    const stranger = signBody(testKey(), body() as never);
    await isRefused(await post(stranger), 401, 'unknown-key', '/signatures/0/protected/kid');
    const { keyId } = apis.network.keys.get('alpha/leaver')!;
    const revoke = body({ contract: 'identity', method: 'revoke', args: { keyId } });
    assert.equal((await post(sign(revoke, 'alpha/admin'))).status, 200);
    // In a block, as it was not before: the result is on the ledger.
    await isRefused(await post(sign(body(), 'alpha/leaver')), 422, 'key-revoked');
    const forged = written(JSON.stringify(body()));
    await isRefused(await post(forged), 401, 'bad-signature', '/signatures/0/signature');
    // Nor is a signature of one kind one of the other.
    const asBatch = written(JSON.stringify(body()), { alg: 'fuqi/v1/ES256-batch' });
    await isRefused(await post(asBatch), 401, 'bad-signature', '/signatures/0/signature');
  });

  it('for another ledger, or sent to another consortium', async () => {
    const other = sign(body({ ledger: '1'.repeat(64) as Digest }));
    await isRefused(await post(other), 422, 'wrong-ledger', '/payload/ledger');
    const path = '/v1/consortia/other/transactions';
    const response = await app.request(path, { method: 'POST', body: sign(body()) });
    await isRefused(response, 404, 'wrong-consortium');
  });

  it('that has expired, or is valid for too long', async () => {
    // A block sets the ledger's time, which alone says that it is too late.
    assert.equal((await post(sign(body()))).status, 200);
    const expired = sign(body({ notAfter: Date.now() - 120_000 }));
    await isRefused(await post(expired), 422, 'expired', '/payload/notAfter');
    const { transactionWindowMs } = DEFAULT_PARAMETERS;
    const far = sign(body({ notAfter: Date.now() + 2 * transactionWindowMs }));
    await isRefused(await post(far), 422, 'not-after-too-far', '/payload/notAfter');
  });

  it('sent again answers with the first result', async () => {
    const text = sign(body());
    const first = await json(await post(text));
    assert.equal(first.status, 'committed');
    assert.deepEqual(await json(await post(text)), first);
  });

  it('with a field twice, half of a surrogate pair, a number that loses digits, or nested too deep', async () => {
    const twice = withText('{"amount":1,"amount":2}');
    await isRefused(await post(written(twice)), 400, 'duplicate-field', '/payload/args/amount');
    const outer = JSON.stringify(body()).replace('{', '{"nonce":"x",');
    await isRefused(await post(written(outer)), 400, 'duplicate-field', '/payload/nonce');
    const half = withText('{"reference":"\\ud800"}');
    await isRefused(await post(written(half)), 400, 'invalid-text', '/payload/args/reference');
    const inexact = withText('{"amount":9007199254740993}');
    await isRefused(await post(written(inexact)), 400, 'inexact-number', '/payload/args/amount');
    const levels = LIMITS.nestingMax + 1;
    const deep = withText(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`);
    await isRefused(await post(written(deep)), 400, 'nested-too-deep');
    const jws = sign(body()).split('.');
    const general = `{"payload":"${jws[1]}","payload":"${jws[1]}","protected":"${jws[0]}","signature":"${jws[2]}"}`;
    const type = 'application/jose+json';
    await isRefused(await post(general, type), 400, 'duplicate-field', '/payload');
  });

  it('that is too large, in the transaction or in the body', async () => {
    const args = payment({ payer: 'x'.repeat(LIMITS.transactionBytesMax) });
    await isRefused(await post(sign(body({ args }))), 413, 'too-large');
    const huge = 'x'.repeat(2 * LIMITS.transactionBytesMax + 1);
    await isRefused(await post(huge), 413, 'payload-too-large');
  });

  it('for a contract, a method or a version of the API that there is none of', async () => {
    await isRefused(await post(sign(body({ contract: 'nothing' }))), 404, 'unknown-contract');
    const method = await post(sign(body({ method: 'nothing' })));
    const { expected } = await isRefused(method, 404, 'unknown-method');
    assert.ok(expected.includes('recordPayment'));
    const path = BASE.replace('v1', 'v2');
    const response = await app.request(`${path}/transactions`, { method: 'POST', body: '' });
    const version = await isRefused(response, 404, 'unknown-version');
    assert.deepEqual([version.got, version.expected], ['v2', 'v1']);
  });

  it('without a role for it', async () => {
    await isRefused(await post(sign(body(), 'beta/seller')), 422, 'forbidden');
  });

  const amounts = { 'a fraction': 0.5, 'an overflow': 2 ** 53, 'below one': 0, 'a text': '100' };
  for (const [what, amount] of Object.entries(amounts)) {
    it(`with an amount that is ${what}`, async () => {
      const text = sign(body({ args: payment({ amount }) }));
      await isRefused(await post(text), 422, 'invalid-arguments', '/amount');
    });
  }

  it('that claims an invoice which is claimed', async () => {
    const call = async (identity: string, method: string, args: object) => {
      const response = await post(sign(body({ method, args }), identity));
      return { response, output: (await json(response.clone())).output };
    };
    const document = documentOf(lines([10_000, 1300]));
    const paid = payment({ amount: document.gross });
    await call('alpha/platform', 'recordPayment', paid);
    const allotted = { merchant: 'beta', from: number(1), to: number(9) };
    await call('delta/bureau', 'allotNumbers', allotted);
    await call('delta/bureau', 'setCreditLimit', { merchant: 'beta', limit: 1_000_000 });
    const issue = { document, payments: [paid.reference], buyer: 'gamma' };
    const issued = await call('beta/seller', 'issue', issue);
    const claim = { number: issued.output.number, purpose: 'travel' };
    assert.equal((await call('gamma/employee', 'claim', claim)).response.status, 200);
    const again = (await call('gamma/employee', 'claim', claim)).response;
    const { reason, got } = await isRefused(again, 422, 'contract-rejected/not-claimable');
    assert.deepEqual([reason, got], ['not-claimable', 'claimed']);
  });
});

describe('a call with an API key', () => {
  it('that is wrong, or none', async () => {
    const key = apis.keys.get('alpha/platform')!;
    const wrong = `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`;
    await isRefused(await pay('{}', wrong), 401, 'unauthorized');
    await isRefused(await pay('{}', 'x'), 401, 'unauthorized');
  });

  it('with JSON that not everybody reads in the same way', async () => {
    await isRefused(await pay('{"amount":1,"amount":2}'), 400, 'duplicate-field', '/amount');
    await isRefused(await pay('{"payer":"\\udc00"}'), 400, 'invalid-text', '/payer');
    await isRefused(await pay('{"amount":1e400}'), 400, 'inexact-number', '/amount');
    await isRefused(
      await pay(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`),
      400,
      'nested-too-deep',
    );
    await isRefused(await pay('{"amount":'), 400, 'bad-request');
  });

  it('with arguments that are not valid, each by its path', async () => {
    const response = await pay(JSON.stringify(payment({ amount: 1.5, payee: 7, extra: true })));
    const { errors } = await isRefused(response, 422, 'invalid-arguments');
    const pointers = errors.map(({ pointer }: { pointer: string }) => pointer).sort();
    assert.deepEqual(pointers, ['/amount', '/extra', '/payee']);
  });
});
