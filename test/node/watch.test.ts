/** `fuqi watch` beside a consortium of processes: what the tax bureau's node lets its officers see, and nobody else. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, it } from 'node:test';
import { EInvoiceProcesses } from '../support/einvoice-processes.ts';
import { CLI, fuqi } from '../support/fuqi.ts';
import { until } from '../support/until.ts';
import { documentOf, lines } from '../workloads/invoice/market.ts';

const PORT = 18_340;
let market: EInvoiceProcesses;
// biome-ignore lint/suspicious/noExplicitAny: lines of any shape.
type Line = any;

const linesOf = (text: string): Line[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

const watching = (name: string, ...more: string[]): string[] => [
  ...['watch', '--as', name, ...market.own, ...more],
];
const atBureau = (...more: string[]) => watching('tax-bureau/officer', ...more);

before(async () => {
  market = await EInvoiceProcesses.up(PORT, 35_000);
});
after(() => market.down());

describe('what the tax bureau sees', () => {
  let cursor = '';

  it('is each invoice with its amounts, the sums, and what is striking', async () => {
    const first = await market.issued(11_300);
    const second = await market.issued(11_300);
    const third = await market.issued(11_300);
    const { rounding, issuedOn, ...part } = documentOf(lines([4_000, 1300]));
    await market.post('corner-shop/seller', `/einvoices/${first.number}/partial-reversals`, {
      ...{ holding: first.transaction, parts: 0, to: 'buyer-co', reason: 'goods-returned' },
      ...{ rounding, issuedOn, lines: part.lines, net: part.net, tax: part.tax, gross: part.gross },
    });
    const invoices = [{ number: second.number, holding: second.transaction }];
    await market.post('buyer-co/employee', '/einvoices/claims', { invoices, purpose: 'meals' });
    const reason = { reason: 'invoicing-error' };
    await market.post('corner-shop/seller', `/einvoices/${third.number}/reversals`, reason);
    const { code, stdout } = await fuqi(...atBureau('--once'));
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
    const rules = path.join(market.home, 'rules.json');
    writeFileSync(rules, JSON.stringify({ burst: { invoices: 2, minutes: 60 } }));
    const more = ['--from', cursor, '--rules', rules, '--every', '0.1'];
    const watch = spawn(process.execPath, [CLI, ...atBureau(...more)]);
    const seen = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<Line> => JSON.parse((await seen.next()).value ?? 'null');
    await market.setLimit(100_000);
    assert.equal((await next()).limit, 100_000);
    const { number: of } = await market.issued(11_300, { to: undefined });
    const event = await next();
    assert.deepEqual([event.what, event.number, event.buyer], ['issued', of, null]);
    await market.issued(11_300);
    assert.equal((await next()).what, 'issued');
    assert.deepEqual((await next()).alert, 'burst');
    watch.kill('SIGTERM');
    const [code] = await once(watch, 'exit');
    assert.equal(code, 0);
  });

  it('shows each what it may see: another member’s node knows less, and an employee is told so', async () => {
    const shop = await fuqi(...watching('buyer-co/admin', '--once'));
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
    const employee = await fuqi(...watching('buyer-co/employee', '--once'));
    assert.equal(employee.code, 1);
    assert.match(employee.stderr, /whom its contract lets read them/);
  });

  it('has events that each subscriber may choose by what it is shown', async () => {
    const { number } = await market.issued(11_300);
    const numbersFor = async (name: string) => {
      const route = '/events?from=1&limit=1000&shown=true&type=einvoice.issued';
      const events = (await market.get(name, route)) as unknown as { data: { number: string } }[];
      return events.map(({ data }) => data.number);
    };
    const all = await numbersFor('corner-shop/seller');
    assert.equal(all.length, 6);
    assert.equal(all.at(-1), number);
    // Other nodes commit it a moment later. One of the invoices is to nobody.
    for (const [name, count] of [
      ['tax-bureau/admin', 6],
      ['tax-bureau/officer', 6],
      ['buyer-co/admin', 5],
    ] as const) {
      await until(async () => (await numbersFor(name)).length === count);
    }
    assert.deepEqual(await numbersFor('buyer-co/employee'), []);
    assert.deepEqual(await numbersFor('payment-platform/admin'), []);
  });

  it('needs rules that are some', async () => {
    const rules = path.join(market.home, 'wrong.json');
    writeFileSync(rules, JSON.stringify({ burst: { invoices: 1, minutes: 60 } }));
    const { code, stderr } = await fuqi(...atBureau('--once', '--rules', rules));
    assert.equal(code, 1);
    assert.match(stderr, /wrong at \/burst\/invoices/);
    const every = await fuqi(...atBureau('--every', 'often'));
    assert.match(every.stderr, /--every takes seconds/);
  });
});
