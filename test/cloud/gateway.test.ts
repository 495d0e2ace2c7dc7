/**
 * The gateway's tier on the AWS emulator, IAM enforced: limits that all environments of a member's
 * functions hold together, through real HTTP.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CONSORTIUM = 'metered';
const FILE = `
format: fuqi-consortium-1
name: ${CONSORTIUM}
limits: { requestsPerSecond: 5, burst: 200 }
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

before(async () => {
  const file = path.join(folder, 'consortium.yaml');
  writeFileSync(file, FILE);
  const root = path.join(folder, 'home');
  cloud = await cloudUp({ file, folder: path.join(folder, 'cloud'), root, auth: true });
});
after(() => cloud?.stop());

const bearer = (name: string) => ({ authorization: `Bearer ${cloud.ring.keys[name]}` });
const url = (rest: string) => `${cloud.url}/v1/consortia/${CONSORTIUM}${rest}`;
const pay = (name: string, reference: string) =>
  fetch(url('/payments'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...bearer(name) },
    body: JSON.stringify({ reference, payee: 'shop', currency: 'CNY', amount: 100 }),
  });

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
