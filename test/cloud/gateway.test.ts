/**
 * The gateway's tier on the AWS emulator, IAM enforced, through real HTTP: limits that all environments of
 * a member's functions hold together, a Cognito user's tokens, what was used, and requests' ids.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { cognitoLogin } from './cognito.ts';
import { eventually } from './support/eventually.ts';
import { printFaults } from './support/print-faults.ts';

const CONSORTIUM = 'metered';
const FILE = `
format: fuqi-consortium-1
name: ${CONSORTIUM}
limits: { requestsPerSecond: 2, burst: 40 }
members:
  - id: platform
    name: Payment platform
    identities: { till: [invoice.payment-platform] }
    limits: { transactionsPerDay: 3 }
  - id: shop
    name: Shop
    identities: { till: [invoice.payment-platform], seller: [invoice.seller] }
`;

const folder = temporaryFolder();
let cloud: Cloud;

printFaults(path.join(folder, 'cloud'));
before(async () => {
  const file = path.join(folder, 'consortium.yaml');
  writeFileSync(file, FILE);
  const root = path.join(folder, 'home');
  cloud = await cloudUp({ file, folder: path.join(folder, 'cloud'), root, auth: true });
});
after(() => cloud?.stop());

const bearer = (name: string) => ({ authorization: `Bearer ${cloud.ring.keys[name]}` });
const url = (rest: string) => `${cloud.url}/v1/consortia/${CONSORTIUM}${rest}`;
const pay = (name: string, reference: string, more: Record<string, string> = {}) =>
  fetch(url('/payments'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(name), ...more },
    body: JSON.stringify({ reference, payee: 'shop', currency: 'CNY', amount: 100 }),
  });

/** What the functions wrote, line by line. */
function jsonLines(): Record<string, unknown>[] {
  const log = readFileSync(path.join(folder, 'cloud/emulator.log'), 'utf8');
  return log.split('\n').flatMap((line) => {
    const at = line.indexOf('{"');
    try {
      return at < 0 ? [] : [JSON.parse(line.slice(at)) as Record<string, unknown>];
    } catch {
      return [];
    }
  });
}
const add = (sum: number, value: unknown): number => sum + Number(value);

describe('limits of hosted tenants', () => {
  it('takes on no transaction more than the day’s quota, though many come at once', async () => {
    const calls = Array.from({ length: 6 }, (_, index) => pay('platform/till', `one-${index}`));
    const responses = await Promise.all(calls);
    const bodies = await Promise.all(
      responses.map((response) => response.json() as Promise<{ limit?: { name: string } }>),
    );
    const statuses = responses.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [200, 200, 200, 429, 429, 429], JSON.stringify(bodies));
    const refused = responses.findIndex(({ status }) => status === 429);
    assert.equal(bodies[refused]!.limit!.name, 'transactionsPerDay');
    assert.ok(Number(responses[refused]!.headers.get('retry-after')) > 0);
  });

  it('leaves the other member’s quota alone', async () => {
    assert.equal((await pay('shop/till', 'two')).status, 200);
  });

  it('refuses a flood of reads over all environments, and lets others read', async () => {
    const statuses: number[] = [];
    const until = Date.now() + 30_000;
    const reader = async (): Promise<void> => {
      while (!statuses.includes(429) && Date.now() < until) {
        const { status } = await fetch(url('/genesis'), { headers: bearer('platform/admin') });
        statuses.push(status);
      }
    };
    await Promise.all(Array.from({ length: 6 }, reader));
    assert.ok(statuses.includes(429), `${statuses.length} reads, none refused`);
    assert.equal((await fetch(url('/genesis'), { headers: bearer('shop/admin') })).status, 200);
  });
});

describe('a Cognito user’s tokens', () => {
  const put = (issuers: readonly object[], key: string) =>
    fetch(url('/issuers'), {
      method: 'PUT',
      headers: { 'content-type': 'application/json', ...bearer(key) },
      body: JSON.stringify({ issuers }),
    });
  const payWith = (token: string, reference: string) =>
    fetch(url('/payments'), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${token}`,
        'fuqi-member': 'shop',
      },
      body: JSON.stringify({ reference, payee: 'shop', currency: 'CNY', amount: 100 }),
    });

  it('act for an identity once an administrator has said so, and no longer than that', async () => {
    const { issuer, jwksUri, clientId, idToken, accessToken } = await cognitoLogin(
      cloud.endpoint,
      'clerks',
    );
    const identities = [{ claim: 'cognito:groups', value: 'clerks', identity: 'till' }];
    const own = { issuer, jwksUri, identities, audience: clientId };
    assert.equal((await payWith(idToken, 'cognito-0')).status, 401);
    assert.equal((await put([own], 'shop/till')).status, 403);
    const set = await put([own], 'shop/admin');
    assert.equal(set.status, 200, await set.text());
    const paid = await payWith(idToken, 'cognito-1');
    assert.equal(paid.status, 200, await paid.text());
    assert.equal((await payWith(accessToken, 'cognito-2')).status, 401);
    await put([{ ...own, audienceClaim: 'client_id' }], 'shop/admin');
    const access = await payWith(accessToken, 'cognito-2');
    assert.equal(access.status, 200, await access.text());
    const [header, payload, signature] = idToken.split('.') as [string, string, string];
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const other = Buffer.from(JSON.stringify({ ...claims, sub: 'x' })).toString('base64url');
    await put([own], 'shop/admin');
    const tampered = await payWith(`${header}.${other}.${signature}`, 'cognito-3');
    assert.equal(((await tampered.json()) as { code: string }).code, 'token-signature');
    await put([], 'shop/admin');
    assert.equal((await payWith(idToken, 'cognito-3')).status, 401);
  });
});

describe('what a member used', () => {
  it('is told to its administrators: from the ledger, and as its function counted', async () => {
    const ask = () => fetch(url('/usage'), { headers: bearer('platform/admin') });
    let response = await ask();
    // The tenant may have used its rate up just before.
    await eventually(async () => {
      if (response.status === 429) response = await ask();
      return response.status !== 429;
    }, 30_000);
    const body = (await response.json()) as {
      total: Record<string, number>;
      days: { storedBytes: number }[];
      ledger: { complete: boolean };
    };
    assert.equal(response.status, 200, JSON.stringify(body));
    const { committed, refused, bytes, transactions, reads } = body.total;
    assert.deepEqual([committed, refused, transactions], [3, 0, 3]);
    assert.equal(body.days.at(-1)!.storedBytes, bytes);
    // An environment counts several reads at once, and may end before.
    assert.ok(reads! > 0 && bytes! > 0);
    assert.equal(body.ledger.complete, true);
    const other = await fetch(url('/usage'), { headers: bearer('shop/till') });
    assert.equal(other.status, 403);
  });

  it('is in the log as metrics of the member', () => {
    const metrics = jsonLines().filter(({ _aws }) => _aws !== undefined);
    const of = (member: string, name: string) =>
      metrics
        .filter(({ Member }) => Member === member)
        .reduce((sum, line) => sum + Number([line[name] ?? 0].flat().reduce(add, 0)), 0);
    assert.equal(of('platform', 'Transactions'), 3);
    assert.ok(of('platform', 'Refused') >= 3);
    assert.ok(of('shop', 'BytesIn') > 0);
  });
});

describe('a request’s id', () => {
  it('is in the logs of the member’s node and of another’s that votes', async () => {
    const id = 'order-4711-of-the-test';
    const response = await pay('shop/till', 'traced', { 'x-request-id': id });
    assert.equal(response.status, 200, await response.text());
    assert.equal(response.headers.get('x-request-id'), id);
    const lines = jsonLines().filter(({ requestId }) => requestId === id);
    const who = new Set(lines.map(({ service, member }) => [service, member].join(' ').trim()));
    assert.ok(who.has('client shop'));
    assert.ok(who.has('peer platform') || who.has('client platform'), [...who].join(', '));
  });

  it('is in a refusal', async () => {
    const refused = await fetch(url('/blocks/999999'), {
      headers: { 'x-request-id': 'order-4712' },
    });
    const body = (await refused.json()) as { instance: string };
    assert.equal(body.instance, 'urn:fuqi:request:order-4712');
  });
});

it('counts without a fault, and keeps tokens and keys out of the logs', () => {
  const log = readFileSync(path.join(folder, 'cloud/emulator.log'), 'utf8');
  assert.ok(!log.includes('usage-failed'));
  assert.ok(!/eyJ[\w-]{20,}\.eyJ/.test(log));
});
