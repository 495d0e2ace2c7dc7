import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ServerType, serve } from '@hono/node-server';
import type { Browser } from 'playwright-core';
import { contracts } from '../../workloads/catalog.ts';
import { type NodeApis, openNodeApis } from '../support/node-api.ts';
import { openBrowser } from './chromium.ts';

let apis: NodeApis;
let server: ServerType;
let browser: Browser;
let url: string;
const SHOTS = process.env.FUQI_SCREENSHOTS;

before(async () => {
  apis = await openNodeApis(contracts, [], []);
  server = serve({ fetch: apis.app('alpha').fetch, port: 0, hostname: '127.0.0.1' });
  await new Promise((resolve) => server.once('listening', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await new Promise((resolve) => server.close(resolve));
  apis.close();
});

const VIEWS = [
  { name: 'desk', width: 1280, height: 900 },
  { name: 'phone', width: 390, height: 844 },
];

describe('the documentation page', () => {
  for (const lang of ['en', 'zh']) {
    for (const { name, width, height } of VIEWS) {
      it(`reads well at ${name} width in ${lang}: nothing is cut off and nothing fails to load`, async () => {
        const page = await browser.newPage({ viewport: { width, height } });
        const failures: string[] = [];
        page.on('requestfailed', (request) => failures.push(request.url()));
        page.on('pageerror', (error) => failures.push(String(error)));
        page.on('request', (request) => {
          if (!request.url().startsWith(url)) failures.push(`external: ${request.url()}`);
        });
        await page.goto(`${url}/docs?lang=${lang}`);
        if (SHOTS) {
          mkdirSync(SHOTS, { recursive: true });
          await page.screenshot({ path: `${SHOTS}/docs-${lang}-${name}.png` });
        }
        assert.deepEqual(failures, []);
        const overflow = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        assert.ok((overflow as number) <= 0, `the page is ${overflow} px wider than the window`);
        const text = (await page.locator('body').textContent()) ?? '';
        assert.match(text, /\/v1\/consortia\/demo\/invoices\/\{number\}\/claim/);
        assert.match(text, lang === 'zh' ? /[\u4e00-\u9fff]/ : /curl/);
        await page.close();
      });
    }
  }
});
