/** The page that an invitation's link opens, of a consortium of processes: what it says, and how far it is. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { openBrowser } from './chromium.ts';

const PORT = 18_830;
const SHOTS = process.env.FUQI_SCREENSHOTS;
const VIEWS = [
  { name: 'desk', width: 1280, height: 900 },
  { name: 'phone', width: 390, height: 844 },
];

const home = temporaryFolder();
const own = ['--home', home, '--consortium', 'demo'];
let browser: Browser;
let link: string;

before(async () => {
  await fuqiJson('up', '--port', `${PORT}`, ...own);
  const invite = ['invite', 'newcomer', '--role', 'invoice.seller', '--as', 'tax-bureau/admin'];
  ({ link } = await fuqiJson(...invite, ...own));
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await fuqi('down', '--wipe', ...own);
});

/** Opens a page and watches for what should not happen: errors, and requests to elsewhere or with the secret. */
async function open(url: string, view = VIEWS[0]!): Promise<{ page: Page; failures: string[] }> {
  const { width, height } = view;
  const page = await browser.newPage({ viewport: { width, height } });
  const failures: string[] = [];
  page.on('pageerror', (error) => failures.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(link).origin)) failures.push(request.url());
    if (request.url().replace(/#.*/, '').includes('fuqi-invitation')) failures.push(request.url());
  });
  await page.goto(url);
  return { page, failures };
}

const withLanguage = (lang: string): string => link.replace('?', `?lang=${lang}&`);

describe('the page of an invitation', () => {
  for (const lang of ['en', 'zh']) {
    for (const view of VIEWS) {
      it(`says in ${lang} at ${view.name} width what one is invited to`, async () => {
        const { page, failures } = await open(withLanguage(lang), view);
        await page.locator('#choices').waitFor();
        if (SHOTS) {
          mkdirSync(SHOTS, { recursive: true });
          await page.screenshot({ path: `${SHOTS}/join-${lang}-${view.name}.png`, fullPage: true });
        }
        assert.equal(await page.locator('#member').textContent(), 'newcomer');
        assert.equal(await page.locator('#roles').textContent(), 'invoice.seller');
        assert.equal(await page.locator('#inviter').textContent(), 'tax-bureau/admin');
        assert.equal(await page.locator('#problem').isVisible(), false);
        // No functions are behind this gateway: a node here runs on one's own machine.
        assert.equal(await page.locator('#hosted-card').isVisible(), false);
        assert.match(
          (await page.locator('#command').textContent())!,
          /npx fuqi join '.*#fuqi-inv.* --endpoint/,
        );
        const text = (await page.locator('main').textContent())!;
        assert.match(text, lang === 'zh' ? /邀请尚未被接受/ : /Nobody has accepted/);
        const overflow = await page.evaluate(
          'document.documentElement.scrollWidth - document.documentElement.clientWidth',
        );
        assert.ok((overflow as number) <= 0, `the page is ${overflow} px wider than the window`);
        assert.deepEqual(failures, []);
        await page.close();
      });
    }
  }

  it('shows how far it is, and changes its language without losing the invitation', async () => {
    const { page, failures } = await open(withLanguage('en'));
    await page.locator('#choices').waitFor();
    const passphrase = path.join(home, 'passphrase');
    writeFileSync(passphrase, 'a passphrase of the newcomer\n', { mode: 0o600 });
    const folder = ['--folder', path.join(home, 'newcomer'), '--passphrase-file', passphrase];
    await fuqiJson('join', link, ...folder, '--no-wait');
    await page.getByText('The members vote: 1 of 3 have approved.').waitFor();
    assert.equal(await page.locator('#choices').isVisible(), false);
    await page.locator('#language').click();
    await page.getByText('成员表决中：3 票中已有 1 票赞成。').waitFor();
    assert.deepEqual(failures, []);
    await page.close();
  });

  it('warns of another ledger, and of a link that is not whole', async () => {
    const { page } = await open(link.replace(/ledger=[0-9a-f]{8}/, 'ledger=00000000'));
    await page.getByText('another ledger than the invitation').waitFor();
    assert.equal(await page.locator('#choices').isVisible(), false);
    await page.close();
    const { page: half } = await open(link.replace(/#.*/, ''));
    await half.getByText('This link is not whole').waitFor();
    await half.close();
  });
});
