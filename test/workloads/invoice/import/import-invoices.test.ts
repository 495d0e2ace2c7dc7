import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { cornerShopWeek, type ShopEntry } from '../../../../examples/corner-shop.ts';
import { GatewayFault } from '../../../../workloads/invoice/import/gateway-client.ts';
import {
  type ImportOptions,
  importInvoices,
} from '../../../../workloads/invoice/import/import-invoices.ts';
import { openSource } from '../../../../workloads/invoice/import/open-source.ts';
import { documentOf, lines, number } from '../market.ts';
import { keys, TestGateway } from './gateway.ts';

const folder = mkdtempSync(join(tmpdir(), 'fuqi-import-'));
after(() => rmSync(folder, { recursive: true }));
const gateways: TestGateway[] = [];
afterEach(() => {
  for (const gateway of gateways.splice(0)) gateway.close();
});

const week = [...cornerShopWeek({ invoices: 24, seed: 7 })];
const entry = (reference: string, net = 1000, more: object = {}): ShopEntry => {
  const document = documentOf(lines([net, 1300]));
  return { reference, kind: 'invoice', at: '2026-03-01T08:00:00Z', document, ...more };
};

let files = 0;
/** A gateway whose shop has numbers and credit, and a file. */
async function setUp(entries: readonly (ShopEntry | string)[], credit = 100_000_000) {
  const gateway = new TestGateway();
  gateways.push(gateway);
  gateway.market.open(1, 100_000, 'shop', credit);
  const path = join(folder, `${++files}.jsonl`);
  const text = entries.map((item) => (typeof item === 'string' ? item : JSON.stringify(item)));
  writeFileSync(path, `${text.join('\n')}\n`);
  const { base, consortium } = await gateway.open();
  const source = await openSource(path);
  const run = ({
    attemptsMax = 8,
    ...more
  }: Partial<ImportOptions> & { attemptsMax?: number } = {}) =>
    importInvoices({
      source,
      gateway: { base, consortium, backOffMs: 1, backOffMsMax: 2, attemptsMax },
      keys,
      ...more,
    });
  const sums = () => gateway.market.query('bureau', 'totals').sums as { total: number }[];
  const listed = (kind: 'refused' | 'credit-notes') => {
    const file = `${path}.${kind}.jsonl`;
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  return { gateway, path, run, sums, listed };
}

const grossOf = (entries: readonly ShopEntry[]): number =>
  entries.reduce((sum, { document }) => sum + document.gross, 0);
const count = (entries: readonly ShopEntry[], kind: ShopEntry['kind']): number =>
  entries.filter((item) => item.kind === kind).length;

describe('an import', () => {
  it('pays, issues, reverses, and reimburses what is marked', async () => {
    const { gateway, run, sums, path } = await setUp(week);
    const report = await run();
    const marked = week.filter(({ purpose }) => purpose).length;
    assert.equal(report.read, week.length);
    assert.equal(report.invoices, count(week, 'invoice'));
    assert.equal(report.reversals, count(week, 'cancellation'));
    assert.ok(report.reversals > 0 && marked > 0);
    assert.deepEqual([report.creditNotes, report.refused, report.found], [0, 0, 0]);
    assert.deepEqual(report.totalMinor, { CNY: grossOf(week) });
    assert.equal(sums()[0]!.total, grossOf(week));
    assert.ok(report.reimbursed > 0 && report.reimbursed <= marked);
    assert.equal(
      report.transactions,
      [...gateway.committed.values()].reduce((a, b) => a + b),
    );
    assert.deepEqual(gateway.rejected, new Map());
    assert.ok(report.latencyMs.p50 > 0 && report.latencyMs.p50 <= report.latencyMs.p99);
    assert.equal(existsSync(`${path}.progress.json`), false);
  });

  it('has at most so many documents under way', async () => {
    const { gateway, run } = await setUp(week);
    await run({ concurrency: 3 });
    assert.equal(gateway.mostAtOnce, 3);
  });

  it('changes nothing when it is repeated', async () => {
    const { gateway, run, sums } = await setUp(week);
    const first = await run();
    const committed = new Map(gateway.committed);
    const second = await run({ concurrency: 1 });
    assert.deepEqual(gateway.committed, committed);
    assert.equal(second.transactions, 0);
    assert.equal(second.found, week.length);
    assert.deepEqual(second.totalMinor, first.totalMinor);
    assert.equal(sums()[0]!.total, grossOf(week));
    // Only the first document is asked for by trying.
    assert.deepEqual(gateway.rejected, new Map([['payment-exists', 1]]));
  });

  it('delivers to a person who assigns to the employer, where one is named', async () => {
    const { gateway, run } = await setUp([entry('A', 1000, { purpose: 'meals' })]);
    const report = await run({ person: 'ann' });
    assert.equal(report.reimbursed, 1);
    assert.deepEqual(
      [...gateway.committed.keys()],
      ['recordPayment', 'issue', 'deliver', 'assign', 'claim', 'approve', 'credited'],
    );
    const { claim } = gateway.market.invoice(number(1));
    assert.deepEqual([claim?.employee, claim?.purpose, claim?.state], ['ann', 'meals', 'credited']);
  });

  it('reimburses all or none where it is told to', async () => {
    const entries = [entry('A'), entry('B', 1000, { purpose: 'meals' })];
    const all = await setUp(entries);
    assert.equal((await all.run({ reimburse: 'all', purpose: 'office' })).reimbursed, 2);
    assert.equal(all.gateway.market.invoice(number(1)).claim?.purpose, 'office');
    const none = await setUp(entries);
    assert.equal((await none.run({ reimburse: 'none' })).reimbursed, 0);
  });

  it('lists what the reader or the ledger refused, with line, reason and amount', async () => {
    const good = entry('A');
    const { run, listed } = await setUp([good, '{', entry('B', 90_000)], 50_000);
    const report = await run({ concurrency: 1 });
    assert.deepEqual([report.invoices, report.refused], [1, 2]);
    assert.deepEqual(report.refusedMinor, { CNY: 101_700 });
    assert.deepEqual(listed('refused'), [
      { line: 2, reason: 'malformed-json', expected: 'JSON at column 2' },
      {
        line: 3,
        reference: 'B',
        reason: 'over-credit-limit',
        got: 102_830,
        expected: 'The seller’s credit limit does not cover this.',
        amount: { currency: 'CNY', minor: 101_700 },
      },
    ]);
    assert.ok(report.refusedFile?.endsWith('.refused.jsonl'));
  });

  it('takes up what was refused once the cause is gone', async () => {
    const { gateway, run, listed } = await setUp([entry('A'), entry('B', 90_000)], 50_000);
    await run({ concurrency: 1 });
    gateway.market.call('bureau', 'setCreditLimit', { merchant: 'shop', limit: 1_000_000 });
    const report = await run();
    assert.deepEqual([report.invoices, report.refused, report.found], [2, 0, 1]);
    assert.deepEqual(listed('refused'), []);
    assert.equal(gateway.committed.get('recordPayment'), 2);
  });

  it('refuses a reference that stands for another amount already', async () => {
    const { run, listed } = await setUp([entry('A'), entry('A', 2000)]);
    const report = await run({ concurrency: 1 });
    assert.deepEqual([report.invoices, report.refused], [1, 1]);
    const [{ reason, got, expected }] = listed('refused');
    assert.deepEqual([reason, got, expected], ['reference-reused', 1130, 2260]);
  });

  it('writes a credit note for what matches nothing, and lists it', async () => {
    const document = documentOf(lines([-500, 1300]));
    const unknown = entry('C1', 0, { kind: 'cancellation', document, relatesTo: 'last-week' });
    const { gateway, run, listed } = await setUp([entry('A'), unknown]);
    const report = await run({ concurrency: 1 });
    assert.deepEqual([report.reversals, report.creditNotes], [0, 1]);
    assert.deepEqual(report.totalMinor, { CNY: 1130 - 565 });
    assert.deepEqual(listed('credit-notes'), [
      { line: 2, reference: 'C1', currency: 'CNY', number: number(2), minor: -565 },
    ]);
    assert.equal(gateway.market.invoice(number(2)).original, 'last-week');
    const again = await run();
    assert.deepEqual([again.transactions, again.found], [0, 2]);
  });

  it('tells two equal returns from one return that was sent twice', async () => {
    const document = documentOf(lines([-100, 1300]));
    const back = (reference: string) =>
      entry(reference, 0, { kind: 'cancellation', document, relatesTo: 'A' });
    const { gateway, run, sums } = await setUp([entry('A'), back('C1'), back('C2')]);
    await run();
    assert.equal(gateway.committed.get('reverse'), 2);
    await run();
    assert.equal(gateway.committed.get('reverse'), 2);
    assert.equal(sums()[0]!.total, 1130 - 226);
  });

  it('refuses the return of what was reimbursed', async () => {
    const first = await setUp([entry('A', 1000, { purpose: 'meals' })]);
    await first.run();
    const document = documentOf(lines([-100, 1300]));
    const back = entry('C1', 0, { kind: 'cancellation', document, relatesTo: 'A' });
    writeFileSync(first.path, `${JSON.stringify(back)}\n`);
    const report = await first.run({ source: await openSource(first.path) });
    assert.deepEqual([report.reversals, report.refused], [0, 1]);
    assert.equal(first.listed('refused')[0].reason, 'in-claim');
    assert.deepEqual(report.refusedMinor, { CNY: -113 });
  });
});

describe('an import under faults', () => {
  it('tries again, and nothing is written twice, whatever gets lost', async () => {
    const faults = fc.array(
      fc.constantFrom(
        undefined,
        undefined,
        { status: 429 },
        { status: 503 },
        'lost-before' as const,
        'lost-after' as const,
        'late' as const,
      ),
      { minLength: 5, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(faults, async (list) => {
        const { gateway, run, sums } = await setUp(week);
        gateway.fault = ({ count }) => list[count % (list.length * 2)];
        // Enough tries for the unluckiest call.
        const report = await run({ concurrency: 8, attemptsMax: 200 });
        assert.deepEqual(report.totalMinor, { CNY: grossOf(week) });
        assert.equal(sums()[0]!.total, grossOf(week));
        assert.equal(gateway.committed.get('issue'), count(week, 'invoice'));
        assert.equal(gateway.committed.get('reverse'), count(week, 'cancellation'));
      }),
      { numRuns: 12 },
    );
  });

  it('stops when the gateway stays away, and goes on from there', async () => {
    const { gateway, run, sums, path } = await setUp(week);
    gateway.fault = ({ count }) => (count > 20 ? { status: 503 } : undefined);
    await assert.rejects(run({ concurrency: 4 }), (error) => {
      assert.ok(error instanceof GatewayFault);
      assert.match(error.message, /after 8 tries \(it answered 503\); run the import again/);
      return true;
    });
    assert.ok(existsSync(`${path}.progress.json`));
    gateway.fault = () => undefined;
    const report = await run();
    assert.ok(report.resumedAt > 0);
    assert.equal(report.read, week.length);
    assert.deepEqual(report.totalMinor, { CNY: grossOf(week) });
    assert.equal(
      report.transactions,
      [...gateway.committed.values()].reduce((a, b) => a + b),
    );
    assert.equal(sums()[0]!.total, grossOf(week));
  });

  it('is resumed anywhere without a duplicate, with and without its progress file', async () => {
    const bad = [...week.slice(0, 5), '{', ...week.slice(5)];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 4 }),
        fc.boolean(),
        async (stops, keep) => {
          const { gateway, run, sums, listed, path } = await setUp(bad);
          for (const stop of stops) {
            const until = gateway.calls + stop;
            gateway.fault = ({ count }) => (count > until ? { status: 401 } : undefined);
            await run({ concurrency: 4 }).catch((error) =>
              assert.ok(error instanceof GatewayFault),
            );
            if (!keep) rmSync(`${path}.progress.json`, { force: true });
          }
          gateway.fault = () => undefined;
          const report = await run();
          assert.equal(report.read, bad.length);
          assert.equal(report.refused, 1);
          assert.equal(listed('refused').length, 1);
          assert.deepEqual(report.totalMinor, { CNY: grossOf(week) });
          assert.equal(sums()[0]!.total, grossOf(week));
          assert.equal(gateway.committed.get('reverse'), count(week, 'cancellation'));
        },
      ),
      { numRuns: 12 },
    );
  });

  it('ends what is under way when it is interrupted, and goes on later', async () => {
    const { gateway, run, sums } = await setUp(week);
    const controller = new AbortController();
    gateway.fault = ({ count }) => {
      if (count === 15) controller.abort();
      return undefined;
    };
    const stopped = await run({ concurrency: 2, signal: controller.signal });
    assert.equal(stopped.isInterrupted, true);
    assert.ok(stopped.read < week.length);
    const report = await run();
    assert.deepEqual([report.isInterrupted, report.resumedAt], [false, stopped.read]);
    assert.equal(sums()[0]!.total, grossOf(week));
  });

  it('begins anew where the file changed', async () => {
    const { gateway, run, path } = await setUp(week);
    gateway.fault = ({ count }) => (count > 20 ? { status: 401 } : undefined);
    await assert.rejects(run());
    gateway.fault = () => undefined;
    writeFileSync(path, `${JSON.stringify(entry('new'))}\n`);
    const report = await run({ source: await openSource(path) });
    assert.deepEqual([report.resumedAt, report.read, report.invoices], [0, 1, 1]);
  });

  it('stops at a key that is no good, without showing it', async () => {
    const { run } = await setUp(week);
    const wrong = keys.seller.replace('sss', 'xxx');
    await assert.rejects(run({ keys: { ...keys, seller: wrong } }), (error) => {
      assert.ok(error instanceof GatewayFault);
      assert.match(error.message, /401 \(unauthorized/);
      assert.doesNotMatch(error.message, /xxx/);
      return true;
    });
    await assert.rejects(run({ keys: { ...keys, seller: 'secret' } }), {
      message: 'the API key for the role seller is not one',
    });
  });
});
