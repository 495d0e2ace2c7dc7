/** `fuqi import invoices --confidential` on a real consortium: once, again, and after it was interrupted. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { paymentId } from '../../workloads/einvoice/import/derived-ids.ts';
import { EInvoiceProcesses } from '../support/einvoice-processes.ts';
import { fuqi, fuqiJson } from '../support/fuqi.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { documentOf, lines } from '../workloads/invoice/market.ts';

const PORT = 18_890;
const SELLER = { name: 'canary shop 巷口便利店', taxId: '91440300MA5FABCD7X' };

interface Entry {
  readonly reference: string;
  readonly kind?: 'cancellation';
  readonly relatesTo?: string;
  readonly customer?: string;
  readonly purpose?: string;
  readonly document: object;
}

/** Sold things: net amounts and rates, one article each, so that cancellations are matched by article. */
function sold(reference: string, amounts: readonly [number, number][], more: object = {}): Entry {
  const content = lines(...amounts).map((line, index) => ({
    ...{ ...line, code: `${reference}-${index}`, quantity: '1', unitPrice: '1' },
  }));
  return { reference, customer: 'c-1', document: documentOf(content, { seller: SELLER }), ...more };
}

/** Takes back some of what an entry sold. */
function back(reference: string, of: Entry, which: readonly number[], more: object = {}): Entry {
  const { lines: all } = of.document as { lines: { net: number; tax: number }[] };
  const taken = which.map((index) => {
    const line = all[index]!;
    return { ...line, net: -line.net, tax: -line.tax || 0, quantity: '-1' };
  });
  const document = documentOf(taken as never, { seller: SELLER, issuedOn: '2026-03-05' });
  return { reference, kind: 'cancellation', customer: 'c-1', document, ...more };
}

const whole = sold('A-1', [
  [10_000, 1300],
  [2000, 600],
]);
const partly = sold('A-2', [
  [30_001, 1300],
  [999, 600],
  [5000, 1300],
]);
const claimed = sold('A-3', [[7000, 1300]], { purpose: 'travel' });
const kept = sold('A-4', [[1000, 0]]);
const stranger = sold('B-9', [[700, 1300]]);
const ENTRIES: readonly Entry[] = [
  whole,
  partly,
  claimed,
  kept,
  back('R-1', whole, [0, 1], { relatesTo: 'A-1' }),
  // By its articles; then another part, and then what is left.
  back('R-2', partly, [1]),
  back('R-3', partly, [0]),
  // Of an invoice that is not here.
  back('R-4', stranger, [0], { relatesTo: 'B-9' }),
];

describe('a confidential import', () => {
  const file = path.join(temporaryFolder(), 'sales.jsonl');
  let market: EInvoiceProcesses;
  const run = (...more: string[]) =>
    fuqiJson('import', 'invoices', file, '--confidential', ...market.own, ...more);
  const numberOf = async (reference: string): Promise<string> => {
    const secret = readFileSync(path.join(market.home, 'demo', 'import.secret'));
    const id = paymentId(secret, JSON.stringify(['corner-shop', reference]));
    return (await market.get('corner-shop/seller', `/einvoices/payments/${id}`)).output.invoice;
  };
  const recordOf = async (reference: string) =>
    (await market.get('corner-shop/seller', `/einvoices/${await numberOf(reference)}`)).output;

  before(async () => {
    market = await EInvoiceProcesses.up(PORT, 10_000_000);
    writeFileSync(file, ENTRIES.map((entry) => JSON.stringify(entry)).join('\n'));
  });
  after(() => market.down());

  it('issues, takes back and has claimed what the file says', async () => {
    const report = await run();
    const gross = (entry: Entry): number => (entry.document as { gross: number }).gross;
    assert.deepEqual(
      [report.invoices, report.reversals, report.creditNotes, report.reimbursed, report.refused],
      [4, 3, 1, 1, 0],
    );
    const cancelled = ENTRIES.slice(4);
    const total = [whole, partly, claimed, kept, ...cancelled].reduce(
      (sum, e) => sum + gross(e),
      0,
    );
    assert.deepEqual(report.totalMinor, { CNY: total });
    const written = JSON.parse(readFileSync(report.creditNotesFile, 'utf8'));
    assert.deepEqual([written.reference, written.minor], ['R-4', gross(ENTRIES[7]!)]);
    const note = await market.get('corner-shop/seller', `/einvoices/${written.number}`);
    assert.deepEqual([note.output.status, note.output.counterpart], ['note', null]);
    const taken = await market.get(
      'corner-shop/seller',
      `/transactions/${note.output.transaction}/values`,
    );
    const { original, gross: back } = (taken as unknown as { fields: Record<string, unknown> })
      .fields;
    assert.deepEqual([original, back], ['B-9', -gross(ENTRIES[7]!)]);
    assert.equal((await recordOf('A-1')).status, 'reversed');
    const { status, parts } = await recordOf('A-2');
    assert.deepEqual([status, parts.length], ['issued', 2]);
    assert.equal((await recordOf('A-3')).status, 'credited');
    assert.equal((await recordOf('A-4')).status, 'issued');
    const { transaction } = await recordOf('A-4');
    const values = await market.get('corner-shop/seller', `/transactions/${transaction}/values`);
    const { fields } = values as unknown as { fields: { note: string; seller: object } };
    assert.deepEqual([fields.note, fields.seller], ['A-4', SELLER]);
  });

  it('writes nothing twice when it is run again, nor after its progress was lost', async () => {
    const again = await run();
    assert.deepEqual(
      [again.transactions, again.invoices, again.reversals, again.reimbursed, again.refused],
      [0, 4, 3, 1, 0],
    );
    assert.deepEqual([again.found, again.creditNotes], [8, 1]);
    assert.equal((await recordOf('A-2')).parts.length, 2);
  });

  it('takes back what is left with a note that has no amounts', async () => {
    const rest = back('R-5', partly, [2]);
    writeFileSync(file, [...ENTRIES, rest].map((entry) => JSON.stringify(entry)).join('\n'));
    const report = await run();
    assert.deepEqual([report.reversals, report.transactions], [4, 1]);
    assert.equal((await recordOf('A-2')).status, 'reversed');
    assert.equal((await run()).transactions, 0);
  });

  it('writes nothing where the same was imported with another secret', async () => {
    const secret = path.join(market.home, 'demo', 'import.secret');
    const before = readFileSync(secret);
    rmSync(secret);
    const height = async () => {
      const page = await market.get('corner-shop/seller', '/blocks?limit=1');
      return (page as unknown as { blocks: { height: number }[] }).blocks[0]!.height;
    };
    const at = await height();
    const other = await fuqi('import', 'invoices', file, '--confidential', ...market.own);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /A-[1-4] was imported with another secret/);
    assert.equal(await height(), at);
    writeFileSync(secret, before);
    writeFileSync(secret, randomUUID().slice(0, 8));
    const { stderr } = await fuqi('import', 'invoices', file, '--confidential', ...market.own);
    assert.match(stderr, /no secret of an import/);
    assert.ok(existsSync(secret));
  });
});
