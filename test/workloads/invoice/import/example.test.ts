import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cornerShopWeek } from '../../../../examples/corner-shop.ts';
import { openSource } from '../../../../workloads/invoice/import/open-source.ts';
import { all } from './reading.ts';

const path = join(import.meta.dirname, '../../../../examples/corner-shop-week.jsonl');
const text = (invoices: number, seed: number): string =>
  [...cornerShopWeek({ invoices, seed })].map((entry) => `${JSON.stringify(entry)}\n`).join('');

describe('the corner shop’s week', () => {
  it('is what the generator makes of its defaults', () => {
    assert.equal(readFileSync(path, 'utf8'), text(60, 7));
  });

  it('is another with another seed', () => {
    assert.notEqual(text(20, 1), text(20, 2));
  });

  it('holds only documents that the reader takes', async () => {
    const records = await all((await openSource(path)).read());
    assert.deepEqual(
      records.filter(({ kind }) => kind === 'refused'),
      [],
    );
    const rates = records.flatMap((record) =>
      record.kind === 'refused' ? [] : record.document.lines.map(({ rateBp }) => rateBp),
    );
    assert.deepEqual(new Set(rates), new Set([1300, 900, 600, 100]));
    assert.ok(records.some(({ kind }) => kind === 'cancellation'));
  });
});
