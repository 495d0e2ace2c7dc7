/** From an employee's claim to the bank and back without a hand: the command beside a consortium of processes. */
import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { EInvoiceProcesses } from '../support/einvoice-processes.ts';
import { fuqi } from '../support/fuqi.ts';

const PORT = 18_320;
let market: EInvoiceProcesses;
let config: string;

const at = (name: string): string => path.join(market.home, name);
const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await fuqi('reimburse', '--config', config, ...args);
  // biome-ignore lint/suspicious/noExplicitAny: lines of any shape.
  const lines: any[] = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  return { code, lines, stderr };
};
const orders = (): { order: string; amount: number }[] =>
  readFileSync(at('orders.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

/** An employee claims new invoices of these amounts; answers the claim. */
async function claim(purpose: string, ...grosses: number[]): Promise<string> {
  const invoices = [];
  for (const gross of grosses) {
    const { number, transaction } = await market.issued(gross);
    invoices.push({ number, holding: transaction });
  }
  const body = { invoices, purpose };
  return (await market.post('buyer-co/employee', '/einvoices/claims', body)).output.claim!;
}
const stateOf = async (id: string): Promise<string> =>
  (await market.get('buyer-co/finance', `/einvoices/claims/${id}`)).output.state;

before(async () => {
  market = await EInvoiceProcesses.up(PORT, 1_000_000);
  config = at('reimburse.json');
  writeFileSync(at('finance.key'), market.keys['buyer-co/finance']!);
  const policy = {
    most: { CNY: { claim: 30_000, month: 50_000 } },
    purposes: ['travel', 'meals'],
    daysMax: 3660,
  };
  writeFileSync(
    config,
    JSON.stringify({
      ...{ format: 'fuqi-reimburse-1', gateway: market.url, consortium: 'demo' },
      ...{ member: 'buyer-co', financeKeyFile: 'finance.key' },
      ...{ orders: 'orders.jsonl', state: 'state.json', policy },
    }),
  );
});
after(() => market.down());

describe('claims that an employer’s policy covers', () => {
  let first = '';
  let large = '';

  it('are approved and ordered to be paid; others are asked about', async () => {
    first = await claim('travel', 11_300, 11_300);
    large = await claim('travel', 33_900);
    const other = await claim('goods', 11_300);
    const { code, lines } = await run('--once');
    assert.equal(code, 0);
    assert.deepEqual(
      lines.map(({ claim, decision, why, order, amount }) => [
        claim ?? order,
        decision ?? amount,
        why,
      ]),
      [
        [first, 'approved', undefined],
        [large, 'ask', ['claim CNY']],
        [other, 'ask', ['purpose']],
        [first, 22_600, undefined],
      ],
    );
    assert.equal(await stateOf(first), 'approved');
    assert.equal(await stateOf(large), 'open');
    assert.deepEqual((await run('--once')).lines, []);
  });

  it('are ordered once, whoever approved them, and after a crash', async () => {
    await market.post('buyer-co/finance', `/einvoices/claims/${large}/approve`, {});
    assert.deepEqual(
      (await run('--once')).lines.map(({ order }) => order),
      [large],
    );
    // What was read was not kept: everything is seen again.
    rmSync(at('state.json'));
    const again = await run('--once');
    assert.deepEqual(
      again.lines.filter(({ decision }) => decision !== 'ask'),
      [],
    );
    assert.deepEqual(
      orders().map(({ order }) => order),
      [first, large],
    );
  });

  it('are not ordered where they were refused after all', async () => {
    const refused = await claim('goods', 11_300);
    await market.post('buyer-co/finance', `/einvoices/claims/${refused}/approve`, {});
    const reason = { reason: 'duplicate' };
    await market.post('buyer-co/finance', `/einvoices/claims/${refused}/refuse`, reason);
    assert.deepEqual((await run('--once')).lines, []);
  });

  it('count towards the month of their employee', async () => {
    // 22,600 and 33,900 were approved: nothing more fits.
    const next = await claim('meals', 11_300);
    assert.deepEqual((await run('--once')).lines, [
      { claim: next, decision: 'ask', why: ['month CNY'] },
    ]);
  });

  it('are credited when the bank has paid, once', async () => {
    const paid = at('paid.jsonl');
    writeFileSync(paid, `${JSON.stringify({ order: first, payment: 'bank-1' })}\n`);
    assert.deepEqual((await run('--paid', paid)).lines, [{ order: first, payment: 'bank-1' }]);
    assert.equal(await stateOf(first), 'credited');
    appendFileSync(paid, `${JSON.stringify({ order: large, payment: 'bank-1' })}\n`);
    const { code, lines } = await run('--paid', paid);
    assert.equal(code, 1);
    assert.deepEqual(lines[0], { order: first, payment: 'bank-1' });
    assert.match(lines[1].refused, /payment-used/);
    assert.equal(await stateOf(large), 'approved');
  });

  it('are told apart from files that are none', async () => {
    writeFileSync(at('wrong.jsonl'), '{"order":"x","payment":"bank-2"}\n');
    const wrong = await run('--paid', at('wrong.jsonl'));
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /line 1: \/order/);
    appendFileSync(at('orders.jsonl'), '{"order":');
    assert.match((await run('--once')).stderr, /ends within a line/);
  });
});
