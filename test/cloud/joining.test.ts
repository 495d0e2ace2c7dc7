/**
 * Members that join a hosted consortium while it runs, on the AWS emulator: one on its own machine, one
 * hosted. Nobody redeploys anything.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Cloud, cloudUp } from '../../infra/emulator/consortium.ts';
import { call } from '../../node/gateway-call.ts';
import type { KeyRing } from '../../node/local-layout.ts';
import { setUpInvoicing } from '../../node/local-setup.ts';
import { CLI, fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { until } from '../support/until.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CONSORTIUM = 'shenzhen-invoice';
const HOSTED = ['tax-bureau', 'payment-platform', 'buyer-co'];
const FILE = `
format: fuqi-consortium-1
name: ${CONSORTIUM}
members:
  - { id: tax-bureau, name: Tax bureau, identities: { officer: [invoice.tax-bureau] } }
  - { id: payment-platform, name: Platform, identities: { platform: [invoice.payment-platform] } }
  - { id: buyer-co, name: Buyer Co., identities: { employee: [invoice.employee], finance: [invoice.finance] } }
`;
const SHOP_PORT = 18_790;

const folder = temporaryFolder();
const root = path.join(folder, 'home');
const at = (name: string): string => path.join(folder, name);
const own = ['--consortium', CONSORTIUM, '--home', root];
let cloud: Cloud;
let shop: ChildProcess | undefined;

before(async () => {
  writeFileSync(at('consortium.yaml'), FILE);
  writeFileSync(at('passphrase'), 'a passphrase of the corner shop\n', { mode: 0o600 });
  cloud = await cloudUp({ file: at('consortium.yaml'), folder: at('cloud'), root, auth: true });
});
after(async () => {
  shop?.kill('SIGTERM');
  await cloud?.stop();
});

const as = (name: string) => ({
  url: cloud.url,
  consortium: CONSORTIUM,
  key: cloud.ring.keys[name],
});
const admin = () => as('tax-bureau/admin');

interface Progress {
  readonly status: string;
  readonly proposal: string;
  readonly votesItself: boolean;
  readonly votes: { readonly status: string } | null;
}
const progress = async (id: string): Promise<Progress> =>
  ((await call(admin(), `/invitations/${id}`)) as { output: Progress }).output;
const invite = (member: string, ...more: string[]) =>
  fuqiJson('invite', member, '--as', 'tax-bureau/admin', ...more, ...own) as Promise<{
    link: string;
    invitation: { id: string };
  }>;
const approve = async (id: string, voters: readonly string[]): Promise<void> => {
  const { proposal } = await progress(id);
  for (const member of voters) await fuqiJson('vote', proposal, '--as', `${member}/admin`, ...own);
};

describe('a hosted consortium', () => {
  it('takes a member on its own machine, which makes its own keys and votes', async () => {
    const { link, invitation } = await invite('corner-shop', '--role', 'invoice.seller');
    const join = [
      ...['join', link, '--hosting', 'private', '--folder', at('corner-shop')],
      ...['--passphrase-file', at('passphrase'), '--listen', `127.0.0.1:${SHOP_PORT}`],
      ...['--identity', 'seller=invoice.seller'],
    ];
    await fuqiJson(...join, '--no-wait');
    await approve(invitation.id, HOSTED.slice(1));
    const { config } = await fuqiJson(...join);
    shop = spawn(process.execPath, [CLI, 'node', 'start', '--config', config], { stdio: 'ignore' });
    await until(async () => (await progress(invitation.id)).votesItself, 60_000);
  });

  it('runs the invoice flow with it', async () => {
    const { keys } = JSON.parse(
      readFileSync(at('corner-shop/first-api-keys.json'), 'utf8'),
    ) as KeyRing;
    assert.ok(keys['corner-shop/seller']);
    const target = { url: cloud.url, consortium: CONSORTIUM, key: undefined };
    const invoicing = {
      bureau: 'tax-bureau/officer',
      merchant: 'corner-shop',
      currencies: ['CNY', 'EUR', 'GBP', 'USD'],
    };
    await setUpInvoicing(target, { invoicing }, cloud.ring.keys);
    const seller = {
      url: `http://127.0.0.1:${SHOP_PORT}`,
      consortium: CONSORTIUM,
      key: keys['corner-shop/seller'],
    };
    const head = async (of: typeof seller) =>
      ((await call(of, '/blocks/head')) as { id: string }).id;
    void fuqi;
    void ROOT;
    await until(async () => {
      const ids = await Promise.all([
        head(seller),
        ...HOSTED.map((m) => head(as(`${m}/admin`) as never)),
      ]);
      return new Set(ids).size === 1;
    }, 60_000);
  });
});
