/**
 * Ten days of a real retailer (UCI Online Retail) through the gateway into a four-node consortium:
 * the ledger's total must be the file's, to the penny.
 */
import assert from 'node:assert/strict';
import { copyFileSync, existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { it } from 'node:test';
import { serve } from '@hono/node-server';
import { openApiKeys } from '../../node/api-keys.ts';
import { gatewayApp } from '../../shared/api/gateway.ts';
import { contracts } from '../../workloads/catalog.ts';
import { importInvoices } from '../../workloads/invoice/import/import-invoices.ts';
import { openSource } from '../../workloads/invoice/import/open-source.ts';
import { BASE, json, MEMBERS, openNodeApis } from '../support/node-api.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { vectorsFolder } from './vectors.ts';

const FILE = path.join(vectorsFolder ?? '', 'load', 'online-retail-2010-12-01_10.csv');
const PENCE = 43_489_336;

const listening = async (app: { fetch: (request: Request) => Response | Promise<Response> }) => {
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}` };
};

if (vectorsFolder === undefined || !existsSync(FILE)) {
  it('the conformance tier was not run: its data is absent', () => assert.ok(true));
} else {
  it('ten days of a retailer end on the ledger with their total to the penny', async () => {
    const identities = [
      { member: 'alpha', name: 'officer', roles: ['invoice.tax-bureau'] },
      { member: 'beta', name: 'platform', roles: ['invoice.payment-platform'] },
      { member: 'gamma', name: 'seller', roles: ['invoice.seller'] },
    ];
    const names = identities.map(({ member, name }) => `${member}/${name}`);
    const apis = await openNodeApis(contracts, identities, names);
    const nodes = await Promise.all(MEMBERS.map((member) => listening(apis.app(member))));
    const members = MEMBERS.map((id, index) => ({ id, endpoint: nodes[index]!.url }));
    const keys = openApiKeys([apis.keyFile]);
    const gateway = await listening(gatewayApp({ consortium: 'demo', members, keys }));
    const key = (name: string): string => apis.keys.get(name)!;
    const call = (name: string, route: string, body?: object) =>
      fetch(`${gateway.url}${BASE}${route}`, {
        method: body ? 'POST' : 'GET',
        headers: {
          authorization: `Bearer ${key(name)}`,
          ...(body ? { 'content-type': 'application/json' } : {}),
        },
        ...(body ? { body: JSON.stringify(body) } : {}),
      });
    try {
      const range = { merchant: 'gamma', from: '26440000000000000001', to: '26440000000000009999' };
      assert.equal((await call('alpha/officer', '/allotments', range)).status, 200);
      const limit = { merchant: 'gamma', currency: 'GBP', limit: 10_000_000_00 };
      assert.equal((await call('alpha/officer', '/credit-limits', limit)).status, 200);

      const folder = temporaryFolder();
      const copy = path.join(folder, 'retail.csv');
      copyFileSync(FILE, copy);
      const report = await importInvoices({
        source: await openSource(copy, { mapping: 'online-retail' }),
        gateway: { base: gateway.url, consortium: 'demo' },
        keys: { 'payment-platform': key('beta/platform'), seller: key('gamma/seller') },
        reimburse: 'none',
        concurrency: 64,
      });
      assert.equal(report.read, 1179);
      const refusedMinor = report.refusedMinor.GBP ?? 0;
      assert.equal(report.totalMinor.GBP! + refusedMinor, PENCE);
      assert.equal(refusedMinor, 0);
      assert.ok(report.reversals > 0, 'cancellations became reversals of what they match');

      const answer = await json(await call('alpha/officer', '/totals?seller=gamma'));
      const sum = answer.output.sums.find((one: { currency: string }) => one.currency === 'GBP');
      assert.equal(sum.total, PENCE);
      const roots = MEMBERS.map(async (member) => {
        const { header } = await apis.network.service(member).head();
        return `${header.height} ${header.stateRoot}`;
      });
      assert.ok(new Set(await Promise.all(roots)).size <= 2);
    } finally {
      for (const { server } of [...nodes, gateway]) server.close();
      apis.close();
    }
  });
}
