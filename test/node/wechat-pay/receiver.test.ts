/** From WeChat Pay's notification to the issued invoice without a hand: the command beside a consortium of processes. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { call } from '../../../node/gateway-call.ts';
import { localLayout } from '../../../node/local-layout.ts';
import { paymentId } from '../../../workloads/einvoice/import/derived-ids.ts';
import { CLI, fuqi, fuqiJson } from '../../support/fuqi.ts';
import { temporaryFolder } from '../../support/temporary-folder.ts';
import {
  API_V3_KEY,
  bodyOf,
  MCHID,
  paidFor,
  platformKey,
  refundOf,
  SERIAL,
  signedHeaders,
} from './platform.ts';

const home = temporaryFolder();
const own = ['--home', home, '--consortium', 'demo'];
const PORT = 18_380;
const at = (name: string): string => path.join(home, name);

let url: string;
let receiver: ChildProcess;
let log = '';
let keys: Readonly<Record<string, string>>;

const as = (name: string) => ({
  url: `http://127.0.0.1:${PORT}`,
  consortium: 'demo',
  key: keys[name],
});
// biome-ignore lint/suspicious/noExplicitAny: answers of any shape.
const ask = async (name: string, route: string, body?: object): Promise<any> =>
  call(as(name), route, body ? { body: JSON.stringify(body) } : {});
const notify = async (body: string, headers = signedHeaders(body)): Promise<number> =>
  (await fetch(url, { method: 'POST', body, headers })).status;
const notePaid = (transaction: string, total: number, more: object = {}): Promise<number> =>
  notify(bodyOf(paidFor(transaction, total, more)));
const setLimit = (limit: number) =>
  ask('tax-bureau/officer', '/einvoices/credit-limits', {
    ...{ merchant: 'corner-shop', currency: 'CNY', limit },
  });

const allot = (...range: [from: number, to: number]) => {
  const [from, to] = range.map((n) => String(n).padStart(20, '0'));
  return ask('tax-bureau/officer', '/einvoices/allotments', { merchant: 'corner-shop', from, to });
};

/** The fields of the invoices that the merchant issued, as the bureau's node has them. */
async function issued(): Promise<Record<string, never>[]> {
  const { records } = await ask('tax-bureau/admin', '/vault?limit=200');
  const ids = (records as { method: string; transaction: string }[])
    .filter(({ method }) => method === 'issue')
    .map(({ transaction }) => transaction);
  return Promise.all(
    ids.map(async (id) => (await ask('tax-bureau/admin', `/transactions/${id}/values`)).fields),
  );
}

before(async () => {
  await fuqiJson('up', '--port', `${PORT}`, ...own);
  keys = JSON.parse(readFileSync(localLayout(home, 'demo').keyRing, 'utf8')).keys;
  await allot(901, 904);
  await setLimit(50_000);
  const files = {
    'api-v3.key': `${API_V3_KEY}\n`,
    'platform.pem': platformKey.export({ type: 'spki', format: 'pem' }) as string,
    'recorder.key': keys['payment-platform/platform']!,
    'issuer.key': keys['corner-shop/seller']!,
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(at(name), text);
  const config = {
    ...{ format: 'fuqi-wechat-pay-1', port: 0, gateway: `http://127.0.0.1:${PORT}` },
    ...{ consortium: 'demo', payee: 'corner-shop', mchid: MCHID, apiV3KeyFile: 'api-v3.key' },
    platformKeyFiles: { [SERIAL]: 'platform.pem' },
    ...{ recorderKeyFile: 'recorder.key', issuerKeyFile: 'issuer.key' },
    invoice: {
      seller: { name: '巷口便利店', taxId: '91440300MA5FXXXX7X' },
      buyer: { name: '个人' },
      line: { description: '日用品', rateBp: 1300 },
    },
  };
  writeFileSync(at('wechat-pay.json'), JSON.stringify(config));
  const args = [CLI, 'wechat-pay', '--config', at('wechat-pay.json'), '--json'];
  receiver = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  receiver.stderr!.on('data', (chunk) => {
    log += chunk;
  });
  let said = '';
  for await (const line of createInterface({ input: receiver.stdout! })) {
    said += line;
    if (line.endsWith('}')) break;
  }
  ({ url } = JSON.parse(said));
});
after(async () => {
  if (receiver?.exitCode === null) {
    receiver.kill();
    await once(receiver, 'close');
  }
  await fuqi('down', '--wipe', ...own);
});

describe('payments that WeChat Pay tells of', () => {
  it('are invoiced once each, however often and however many at once they are told', async () => {
    const payments = ['4200000011', '4200000012'];
    const answers = await Promise.all(
      payments.flatMap((payment) => [1, 2, 3].map(() => notePaid(payment, 11_300))),
    );
    for (const payment of payments) answers.push(await notePaid(payment, 11_300));
    assert.deepEqual([...new Set(answers)], [204]);
    const invoices = await issued();
    assert.equal(invoices.length, 2);
    for (const { gross, net, tax, issuedOn, buyer } of invoices) {
      assert.deepEqual([gross, net, tax, issuedOn], [11_300, 10_000, 1300, '2026-03-01']);
      assert.deepEqual(buyer, { name: '个人' });
    }
  });

  it('are for the buyer that the order names, who holds the invoice then', async () => {
    const attach = JSON.stringify({ buyer: { name: 'Buyer Co.' }, to: 'buyer-co' });
    assert.equal(await notePaid('4200000021', 200, { attach }), 204);
    const { records } = await ask('buyer-co/admin', '/vault?limit=200');
    const [{ transaction }] = records;
    const { fields } = await ask('buyer-co/admin', `/transactions/${transaction}/values`);
    assert.deepEqual([fields.buyer.name, fields.gross], ['Buyer Co.', 200]);
    // Any other text is the merchant's own.
    assert.equal(await notePaid('4200000022', 100, { attach: 'table 7' }), 204);
  });

  it('are told again until the ledger takes them', async () => {
    assert.equal(await notePaid('4200000031', 90_000), 503);
    await setLimit(200_000);
    // The four numbers are used: what a block has rejected does not stand in the way later.
    assert.equal(await notePaid('4200000031', 90_000), 503);
    await allot(951, 960);
    assert.equal(await notePaid('4200000031', 90_000), 204);
    assert.equal(await notePaid('4200000031', 90_000), 204);
    const payments = await ask('corner-shop/seller', '/einvoices/00000000000000000951');
    assert.equal(payments.output.payments.length, 1);
  });

  it('that are refunded are taken back, in parts and as a whole, once for each refund', async () => {
    await allot(961, 980);
    const attach = JSON.stringify({ buyer: { name: 'Buyer Co.' }, to: 'buyer-co' });
    const refund = (id: string, amount: number) =>
      notify(bodyOf(refundOf('4200000051', id, amount, 11_300), { event: 'REFUND.SUCCESS' }));
    // Told before the payment is, it waits.
    assert.equal(await refund('5030000001', 1000), 503);
    assert.equal(await notePaid('4200000051', 11_300, { attach }), 204);
    const secret = createHmac('sha256', API_V3_KEY).update('fuqi/v1/wechat-pay').digest();
    const payment = `/einvoices/payments/${paymentId(secret, '4200000051')}`;
    const number = (await ask('corner-shop/seller', payment)).output.invoice;
    const invoice = async () => (await ask('corner-shop/seller', `/einvoices/${number}`)).output;
    const parts = async () =>
      Promise.all(
        (await invoice()).parts.map(async (note: string) => {
          const { output } = await ask('corner-shop/seller', `/einvoices/${note}`);
          const at = `/transactions/${output.transaction}/values`;
          const { gross, net, issuedOn } = (await ask('buyer-co/admin', at)).fields;
          return [gross, net, issuedOn];
        }),
      );
    for (let told = 0; told < 2; told++) assert.equal(await refund('5030000001', 1000), 204);
    assert.deepEqual(await parts(), [[1000, 885, '2026-03-05']]);
    // Two of the same amount are two refunds; at the same time one may have to be told again.
    const both = ['5030000002', '5030000003'];
    for (const id of both) {
      while ((await refund(id, 300)) !== 204);
    }
    assert.equal((await parts()).length, 3);
    assert.equal((await invoice()).status, 'issued');
    assert.equal(await refund('5030000004', 9700), 204);
    assert.equal((await invoice()).status, 'reversed');
    for (const id of ['5030000001', '5030000004']) assert.equal(await refund(id, 1000), 204);
    assert.equal((await parts()).length, 3);
    assert.match(log, /refund-noted/);
    assert.ok(!log.includes('5030000001'));
  });

  it('that somebody else tells of are refused, and nothing of any payer is logged', async () => {
    const body = bodyOf(paidFor('4200000041', 100));
    const headers = signedHeaders(body);
    const forged = { ...headers, 'wechatpay-signature': 'WECHATPAY/SIGNTEST/AAAA' };
    assert.equal(await notify(body, forged), 401);
    assert.equal(await notify(`${body}${' '.repeat(70_000)}`, headers), 413);
    assert.equal((await issued()).filter(({ gross }) => gross === 100).length, 1);
    assert.match(log, /payment-invoiced/);
    assert.match(log, /not-signed/);
    for (const secret of ['canary', '4200000011', API_V3_KEY, keys['corner-shop/seller']!]) {
      assert.ok(!log.includes(secret), secret);
    }
  });

  it('are not received with keys that are none', async () => {
    const bad = { ...JSON.parse(readFileSync(at('wechat-pay.json'), 'utf8')) };
    writeFileSync(at('bad.json'), JSON.stringify({ ...bad, apiV3KeyFile: 'issuer.key' }));
    const { code, stderr } = await fuqi('wechat-pay', '--config', at('bad.json'));
    assert.equal(code, 1);
    assert.match(stderr, /issuer\.key holds no APIv3 key/);
  });
});
