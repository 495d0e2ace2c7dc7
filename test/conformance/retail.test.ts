/**
 * Ten days of a real retailer, read and matched: every line is accounted for to the penny, in
 * invoices, cancellations and refusals.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { matchIndex } from '../../workloads/invoice/import/match-cancellations.ts';
import { openSource } from '../../workloads/invoice/import/open-source.ts';
import type { SourceRecord } from '../../workloads/invoice/import/source-record.ts';
import { vectorsFolder } from './vectors.ts';

const minorOf = (record: SourceRecord): number =>
  record.kind === 'refused' ? record.amount!.minor : record.document.gross;

describe('ten days of a real retailer', () => {
  if (vectorsFolder === undefined) {
    it('were not read: the folder of external data is absent', () => {});
    return;
  }
  const path = join(vectorsFolder, 'load/online-retail-2010-12-01_10.csv');

  it('add up to 434,893.36 in invoices, cancellations and refusals', async () => {
    const sums = new Map<string, { count: number; minor: number; lines: number }>();
    for await (const record of (await openSource(path)).read()) {
      const name = record.kind === 'refused' ? record.reason : record.kind;
      const { count, minor, lines } = sums.get(name) ?? { count: 0, minor: 0, lines: 0 };
      sums.set(name, {
        count: count + 1,
        minor: minor + minorOf(record),
        lines: lines + (record.kind === 'refused' ? 0 : record.document.lines.length),
      });
    }
    // The invoices over nothing have one line each: 25,281 lines in all.
    assert.deepEqual(Object.fromEntries(sums), {
      invoice: { count: 911, minor: 49_803_557, lines: 24_757 },
      cancellation: { count: 143, minor: -6_314_221, lines: 399 },
      'zero-total': { count: 125, minor: 0, lines: 0 },
    });
    const total = [...sums.values()].reduce((sum, { minor }) => sum + minor, 0);
    assert.equal(total, 43_489_336);
  });

  it('have 31 cancellations that match invoices in full, 8 in part', async () => {
    const index = matchIndex();
    const found = { full: 0, part: 0, none: 0 };
    let reversed = 0;
    let rest = 0;
    for await (const record of (await openSource(path)).read()) {
      if (record.kind === 'invoice') index.add(record);
      if (record.kind !== 'cancellation') continue;
      const match = index.match(record);
      found[match.reversals.length === 0 ? 'none' : match.rest.length === 0 ? 'full' : 'part']++;
      reversed += match.reversals.reduce((sum, { net }) => sum + net, 0);
      rest += match.rest.reduce((sum, { net }) => sum + net, 0);
    }
    assert.deepEqual(found, { full: 31, part: 8, none: 104 });
    assert.deepEqual([reversed, rest], [247_376, -6_066_845]);
    assert.equal(rest - reversed, -6_314_221);
  });
});
