/** `fuqi watch` beside a consortium of processes: what the tax bureau's node lets its administrator see, and nobody else. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { call } from '../../node/gateway-call.ts';
import { localLayout } from '../../node/local-layout.ts';
import { CLI, fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { checkOf, newCheckCode, number } from '../workloads/einvoice/parties.ts';
import { documentOf, lines } from '../workloads/invoice/market.ts';

const home = temporaryFolder();
const own = ['--home', home, '--consortium', 'demo'];
const PORT = 18_340;
const watching = ['watch', '--as', 'tax-bureau/admin', ...own];
const document = {
  ...documentOf(lines([10_000, 1300])),
  seller: { name: '巷口便利店', taxId: '91440300MA5FABCD7X' },
};

let keys: Readonly<Record<string, string>>;
// biome-ignore lint/suspicious/noExplicitAny: lines of any shape.
type Line = any;

const post = (name: string, route: string, body: object) =>
  call({ url: `http://127.0.0.1:${PORT}`, consortium: 'demo', key: keys[name] }, route, {
    body: JSON.stringify(body),
  }) as Promise<{ id: string; output: { number: string } }>;

const setLimit = (limit: number) =>
  post('tax-bureau/officer', '/einvoices/credit-limits', {
    ...{ merchant: 'corner-shop', currency: 'CNY', limit },
  });

/** Pays for, and issues an invoice; answers its number and transaction. */
async function issued(more: object = {}) {
  const id = randomUUID();
  const { currency, gross, issuedOn } = document;
  const payment = { id, reference: `wx-${id}`, payee: 'corner-shop', currency, amount: gross };
  await post('payment-platform/platform', '/einvoices/payments', payment);
  const checkCode = newCheckCode();
  const check = checkOf(issuedOn, checkCode);
  const invoice = { ...document, payments: [id], check, checkCode, to: 'buyer-co', ...more };
  const { id: transaction, output } = await post('corner-shop/seller', '/einvoices', invoice);
  return { number: output.number, transaction };
}

const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

before(async () => {
  await fuqiJson('up', '--port', `${PORT}`, ...own);
  keys = JSON.parse(readFileSync(localLayout(home, 'demo').keyRing, 'utf8')).keys;
  const range = { merchant: 'corner-shop', from: number(901), to: number(999) };
  await post('tax-bureau/officer', '/einvoices/allotments', range);
  await setLimit(35_000);
});
after(() => fuqi('down', ...own));

describe('what the tax bureau sees', () => {
  let cursor = '';

  it('is each invoice with its amounts, the sums, and what is striking', async () => {
    const first = await issued();
    const second = await issued();
    const third = await issued();
    const { rounding, issuedOn, ...part } = documentOf(lines([4_000, 1300]));
    await post('corner-shop/seller', `/einvoices/${first.number}/partial-reversals`, {
      ...{ holding: first.transaction, parts: 0, to: 'buyer-co', reason: 'goods-returned' },
      ...{ rounding, issuedOn, lines: part.lines, net: part.net, tax: part.tax, gross: part.gross },
    });
    const invoices = [{ number: second.number, holding: second.transaction }];
    await post('buyer-co/employee', '/einvoices/claims', { invoices, purpose: 'meals' });
    const reason = { reason: 'invoicing-error' };
    await post('corner-shop/seller', `/einvoices/${third.number}/reversals`, reason);
    const { code, stdout } = await fuqi(...watching, '--once');
    assert.equal(code, 0);
    const all = linesOf(stdout);
    const [event] = all.filter(({ what }) => what === 'issued');
    assert.deepEqual(event, {
      ...{ time: event.time, what: 'issued', number: first.number, seller: 'corner-shop' },
      ...{ buyer: 'buyer-co', region: '440300', currency: 'CNY', cursor: event.cursor },
      groups: [{ category: 'standard', rateBp: 1300, net: 10_000, tax: 1300 }],
    });
    const row = { merchant: 'corner-shop', region: '440300', currency: 'CNY' };
    const rate = 'standard/1300';
    assert.deepEqual(all.at(-1), {
      totals: [
        { ...row, rate, standing: 'claimed', invoices: 1, net: 10_000, tax: 1300 },
        { ...row, rate, standing: 'issued', invoices: 1, net: 6_000, tax: 780 },
        { ...row, rate, standing: 'reversed', invoices: 1, net: 14_000, tax: 1820 },
      ],
    });
    const alerts = all.filter(({ alert }) => alert);
    assert.deepEqual(
      alerts.map(({ alert, found }) => [alert, found.outstanding ?? found.before]),
      [
        ['sameLines', first.number],
        ['limitNearlyUsed', 33_900],
        ['sameLines', second.number],
      ],
    );
    cursor = all.findLast((line) => line.cursor).cursor;
  });

  it('comes as it happens, from where it was left', async () => {
    const rules = path.join(home, 'rules.json');
    writeFileSync(rules, JSON.stringify({ burst: { invoices: 2, minutes: 60 } }));
    const more = ['--from', cursor, '--rules', rules, '--every', '0.1'];
    const watch = spawn(process.execPath, [CLI, ...watching, ...more]);
    const seen = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<Line> => JSON.parse((await seen.next()).value ?? 'null');
    await setLimit(100_000);
    assert.equal((await next()).limit, 100_000);
    const { number: of } = await issued({ to: undefined });
    const event = await next();
    assert.deepEqual([event.what, event.number, event.buyer], ['issued', of, null]);
    await issued();
    assert.equal((await next()).what, 'issued');
    assert.deepEqual((await next()).alert, 'burst');
    watch.kill('SIGTERM');
    const [code] = await once(watch, 'exit');
    assert.equal(code, 0);
  });

  it('is for its administrators: another member’s node knows less, and whoever is no administrator is told so', async () => {
    const shop = await fuqi('watch', '--once', ...own, '--as', 'buyer-co/admin');
    assert.equal(shop.code, 0);
    const events = linesOf(shop.stdout).filter(({ event, what }) => event ?? what === 'issued');
    // A limit, and an invoice to nobody, are none of the buyer's.
    assert.deepEqual(
      events.map(({ what, event = '' }) => `${what} ${event}`.trim()),
      [
        ...['unknown credit-limit-set', 'issued', 'issued', 'issued'],
        ...['unknown credit-limit-set', 'unknown issued', 'issued'],
      ],
    );
    const officer = await fuqi('watch', '--once', ...own, '--as', 'buyer-co/finance');
    assert.equal(officer.code, 1);
    assert.match(officer.stderr, /administrator/);
  });

  it('needs rules that are some', async () => {
    const rules = path.join(home, 'wrong.json');
    writeFileSync(rules, JSON.stringify({ burst: { invoices: 1, minutes: 60 } }));
    const { code, stderr } = await fuqi(...watching, '--once', '--rules', rules);
    assert.equal(code, 1);
    assert.match(stderr, /wrong at \/burst\/invoices/);
    const every = await fuqi(...watching, '--every', 'often');
    assert.match(every.stderr, /--every takes seconds/);
  });
});
