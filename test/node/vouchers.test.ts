/** `fuqi vouchers` beside a consortium of processes: each is given what it is shown, in every form, and only what is new. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { readJsonLines } from '../../workloads/invoice/import/json-lines.ts';
import { readUbl } from '../../workloads/invoice/import/ubl.ts';
import { EInvoiceProcesses } from '../support/einvoice-processes.ts';
import { fuqi } from '../support/fuqi.ts';
import { all, chunks, only, short } from '../workloads/invoice/import/reading.ts';

const PORT = 18_850;
let market: EInvoiceProcesses;
let number = '';
let second = '';

const at = (...names: string[]): string => path.join(market.home, ...names);
/** Runs the command as an identity; answers its lines, the last one apart. */
async function vouchers(as: string, folder: string, ...more: string[]) {
  const out = at(folder);
  const { code, stdout, stderr } = await fuqi(
    ...['vouchers', '--as', as, '--url', market.url, '--out', out, ...market.own, ...more],
  );
  assert.equal(code, 0, stderr);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { out, rows: lines.slice(0, -1), end: lines.at(-1) };
}

before(async () => {
  market = await EInvoiceProcesses.up(PORT, 1_000_000);
  ({ number } = await market.issued(11_300));
  ({ number: second } = await market.issued(22_600));
});
after(() => market.down());

it('are given to finance of the buyer and to the seller, as JSON lines that an import reads', async () => {
  const { out, rows, end } = await vouchers('buyer-co/finance', 'json');
  assert.deepEqual(
    rows.map((row) => [row.kind, row.status]),
    [
      ['invoice', 'issued'],
      ['invoice', 'issued'],
    ],
  );
  assert.deepEqual([end.vouchers, end.hidden], [2, 0]);
  const file = path.join(out, 'vouchers.jsonl');
  assert.equal(statSync(file).mode & 0o077, 0, 'for its owner only');
  const read = await all(readJsonLines(chunks(readFileSync(file), 4096)));
  assert.deepEqual(short(read), [`invoice ${number} 11300`, `invoice ${second} 22600`]);
  const again = await vouchers('buyer-co/finance', 'none', '--from', end.cursor);
  assert.deepEqual([again.rows.length, again.end.cursor], [0, end.cursor]);
  const sold = await vouchers('corner-shop/seller', 'sold');
  assert.equal(sold.end.vouchers, 2);
  // What comes later is given from there on.
  const note = await market.post('corner-shop/seller', `/einvoices/${number}/reversals`, {
    reason: 'goods-returned',
  });
  const later = await vouchers('corner-shop/seller', 'later', '--from', sold.end.cursor);
  assert.deepEqual(
    later.rows.map((row) => [row.number, row.kind, row.status]),
    [
      [number, 'invoice', 'reversed'],
      [note.output.note, 'note', 'note'],
    ],
  );
  // The reason of a note is the bureau's, what it takes back the buyer's as well.
  const bought = await vouchers('buyer-co/finance', 'bought', '--from', end.cursor);
  assert.deepEqual([bought.end.vouchers, bought.end.hidden], [2, 0]);
});

it('are UBL, CSV and PDF, a file each or one for all', async () => {
  const ubl = await vouchers('corner-shop/seller', 'ubl', '--format', 'ubl');
  assert.equal(ubl.rows.length, 3);
  for (const { file, number: of, kind } of ubl.rows) {
    const read = only(await all(readUbl(chunks(readFileSync(file), 4096))));
    assert.equal(read.reference, of);
    assert.equal(read.kind, kind === 'note' ? 'cancellation' : 'invoice');
  }
  const csv = await vouchers('corner-shop/seller', 'csv', '--format', 'csv');
  const rows = readFileSync(path.join(csv.out, 'vouchers.csv'), 'utf8').trim().split('\n');
  assert.equal(rows.length, 4);
  const pdf = await vouchers('buyer-co/finance', 'pdf', '--format', 'pdf', '--number', number);
  assert.deepEqual(readdirSync(pdf.out), [`${number}.pdf`]);
  assert.ok(
    readFileSync(at('pdf', `${number}.pdf`))
      .subarray(0, 5)
      .equals(Buffer.from('%PDF-')),
  );
});

it('are none of others’: an employee is given what is assigned to him', async () => {
  const before = await vouchers('buyer-co/employee', 'before');
  assert.equal(before.end.vouchers, 0);
  await market.post('buyer-co/finance', `/einvoices/${number}/assign`, { employee: 'employee' });
  const { rows, end } = await vouchers(
    'buyer-co/employee',
    'assigned',
    '--from',
    before.end.cursor,
  );
  assert.deepEqual(
    rows.map((row) => row.number),
    [number],
  );
  assert.equal(end.hidden, 0);
  const platform = await vouchers('payment-platform/platform', 'platform');
  assert.equal(platform.end.vouchers, 0);
  const wrong = await fuqi('vouchers', '--out', at('x'), '--number', '12', ...market.own);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stderr, /"12" is no invoice number/);
});
